"""Rules on names that several files, teams and systems share: event types, aliases, owners."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import quote, suggestion
from codegen.rules.files import Files, Finding
from codegen.source import Route

_METRIC_TYPES = "products/*/metric_types/*"


def duplicate_event_type(files: Files) -> Iterator[Finding]:
    """Two metric types have the same event type, or one is another's alias."""
    taken: dict[str, Route] = {}
    for route, _ in files.each("catalog", _METRIC_TYPES, dict):
        name = f"{route[1]}.{route[3]}"
        first = taken.setdefault(name, route)
        if first != route:
            message = f"{quote(name)} is the event type of two metric types: rename one"
            other = ("the other is at", "catalog", first)
            yield Finding("catalog", route, message, at_key=True, other=other)
    for route, alias in files.each("catalog", f"{_METRIC_TYPES}/aliases/*", str):
        first = taken.setdefault(alias, route)
        if first != route:
            message = f"alias {quote(alias)} is already a name of a metric type: choose another"
            yield Finding("catalog", route, message, other=("that one is at", "catalog", first))


def unknown_owner(files: Files) -> Iterator[Finding]:
    """The owner of a product or a metric type is not one of the teams."""
    teams = files.names("catalog", "teams")
    for pattern in ("products/*/owner", f"{_METRIC_TYPES}/owner"):
        for route, owner in files.each("catalog", pattern, str):
            if owner not in teams:
                message = f"owner {quote(owner)} is not a team: {suggestion(owner, teams)}"
                yield Finding("catalog", route, message)

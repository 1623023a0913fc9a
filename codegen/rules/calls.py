"""Rules on the calls beside record() in event.yaml: void(), and those of sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from codegen.diagnostics import quote, suggestion
from codegen.rules.files import Files, Finding, attribute, number

_BOUNDARIES = ["start", "beat", "end"]


def void_call(files: Files) -> Iterator[Finding]:
    """The field of void() cannot hold an event's id, or its status is one of the catalog's."""
    void = files.one("event", "void", dict)
    if not void:
        return
    yield from _field(files, ("void", "field"), "string", "void")
    statuses = files.names("catalog", "statuses")
    if void.get("status") in statuses:
        message = f"{quote(void['status'])} is a status of the catalog, which record() may set"
        other = ("it is at", "catalog", ("statuses", void["status"]))
        yield Finding("event", ("void", "status"), f"{message}: rename one", other=other)


def session_call(files: Files) -> Iterator[Finding]:
    """The fields of sessions cannot hold an id and a boundary."""
    if not files.one("event", "session", dict):
        return
    yield from _field(files, ("session", "field"), "string", "session")
    yield from _field(files, ("session", "boundary"), "enum", "session")
    for route, name in files.each("event", "session/boundary", str):
        field = files.one("event", "fields", dict).get(name)
        if attribute(field, "type") == "enum" and attribute(field, "values") != _BOUNDARIES:
            message = f"{quote(name)} must have the values {', '.join(_BOUNDARIES)}"
            yield Finding("event", route, message)


def _field(files: Files, route: Sequence[str], kind: str, call: str) -> Iterator[Finding]:
    """Yields a finding unless the field at the route is set by that call alone."""
    fields = files.one("event", "fields", dict)
    for here, name in files.each("event", "/".join(route), str):
        fitting = [one for one, field in fields.items() if _is_set_by(field, kind, call)]
        if name not in fields:
            message = f"{quote(name)} is not a field: {suggestion(name, fitting)}"
            yield Finding("event", here, message)
        elif name not in fitting:
            message = f"field {quote(name)} must have `type: {kind}` and `calls: [{call}]`"
            yield Finding("event", here, message)


def _is_set_by(field: Any, kind: str, call: str) -> bool:
    return bool(attribute(field, "type") == kind and attribute(field, "calls") == [call])


def session_unit(files: Files) -> Iterator[Finding]:
    """A metric type has a session's timeout, but its unit is not one of time."""
    units = files.one("catalog", "units", dict)
    for route, metric in files.each("catalog", "products/*/metric_types/*", dict):
        unit = str(metric.get("unit"))
        if "session" in metric and unit in units and attribute(units[unit], "seconds") is None:
            message = f"a session measures time, but unit {quote(unit)} has no `seconds`: add them"
            other = ("the unit is at", "catalog", ("units", unit))
            yield Finding("catalog", (*route, "session"), message, at_key=True, other=other)


def unit_seconds(files: Files) -> Iterator[Finding]:
    """A unit's seconds are not a whole number of nanoseconds, or too many for a session."""
    for route, unit in files.each("catalog", "units/*", dict):
        seconds = number(unit.get("seconds"), 1)
        nanoseconds = round(seconds * 1_000_000_000)
        if nanoseconds / 1_000_000_000 != seconds or nanoseconds > _LONGEST_UNIT:
            message = f"{seconds} seconds: expected whole nanoseconds, at most 104 days"
            yield Finding("catalog", (*route, "seconds"), message)


# The largest integer that is exact in every language, in nanoseconds.
_LONGEST_UNIT = 2**53 - 1

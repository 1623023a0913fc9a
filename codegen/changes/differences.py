"""Every difference between two catalogs, and the version that they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codegen.changes.pair import Pair, mapping
from codegen.source import Route

_FILES = ("catalog", "event", "sdk")
# They say how the files are kept, not what may be recorded.
_BOOKKEEPING = ("version", "accepted_breaks", "include", "lint", "teams")
# Mappings whose entries are a unit of change: a new one is an addition, with everything in it.
_SECTIONS = (
    ("catalog", "products"),
    ("catalog", "products", "*", "metric_types"),
    ("catalog", "statuses"),
    ("catalog", "units"),
    ("event", "fields"),
    ("sdk", "settings"),
    ("sdk", "errors"),
)
_NOUNS = {
    "products": "product",
    "metric_types": "metric type",
    "statuses": "status",
    "units": "unit",
    "fields": "field",
    "settings": "setting",
    "errors": "error code",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: `added`, `deprecated`, `removed` or `changed`."""

    kind: str
    what: str
    before: Any = None
    after: Any = None


def differences(pair: Pair) -> Iterator[Difference]:
    """Yields the differences in the order of the files; a whole entry is one."""
    for file in _FILES:
        yield from _compare((file,), pair.before.get(file), pair.after.get(file))


def _compare(route: Route, before: Any, after: Any) -> Iterator[Difference]:
    if before == after and type(before) is type(after):
        return
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        yield Difference("changed", name(route), before, after)
        return
    if mapping(after, "removed") and not mapping(before, "removed"):
        yield Difference("removed", name(route), after=after["removed"])
        return
    entries = _is_section(route)
    for key in {**before, **after}:
        here = (*route, key)
        if len(route) == 1 and key in _BOOKKEEPING:
            continue
        if key not in after:
            yield Difference("removed" if entries else "changed", name(here), before[key])
        elif key not in before and entries:
            yield Difference("added", name(here), after=after[key])
        elif key == "deprecated" and key in after and key not in before:
            yield Difference("deprecated", name(route), after=after[key])
        else:
            yield from _compare(here, before.get(key), after.get(key))


def _is_section(route: Route) -> bool:
    return any(
        len(route) == len(section)
        and all(step in ("*", at) for step, at in zip(section, route, strict=True))
        for section in _SECTIONS
    )


def name(route: Route) -> str:
    """Returns a route in words: `metric type api/request: title`."""
    file, *steps = map(str, route)
    if len(steps) > 1 and steps[0] in _NOUNS:
        noun, named, rest = _NOUNS[steps[0]], steps[1], steps[2:]
        if rest[:1] == ["metric_types"] and len(rest) > 1:
            noun, named, rest = "metric type", f"{named}/{rest[1]}", rest[2:]
        return ": ".join([f"{noun} {named}", *([".".join(rest)] if rest else [])])
    return ".".join(steps) if steps else file

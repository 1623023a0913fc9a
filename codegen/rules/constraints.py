"""Rules on what metric types and products require of metadata keys and of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen.diagnostics import listing, quote, show, suggestion
from codegen.model import DEFAULT_CALLS, Data, is_dimension, narrowed
from codegen.rules.files import Files, Finding, is_exact
from codegen.source import Route

_METRIC_TYPES = "products/*/metric_types/*"
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "enum": str,
}


def metadata_value(files: Files) -> Iterator[Finding]:
    """A metadata key has values that contradict each other or its type."""
    pattern = f"{_METRIC_TYPES}/metadata/properties/*"
    for route, rule in files.each("catalog", pattern, dict):
        yield from _both(route, rule)
        kind = str(rule.get("type"))
        for place, value in _values(route, rule):
            if kind in _JSON_TYPES and not _is_a(value, kind):
                message = f"{show(value)} is never accepted: the type is {kind}"
                yield Finding("catalog", place, message)


def pii_value(files: Files) -> Iterator[Finding]:
    """A metadata key is about persons, and has values that anybody can read in the catalog."""
    for route, metadata in files.each("catalog", f"{_METRIC_TYPES}/metadata", dict):
        for name in _part(metadata, "pii"):
            if _allowed(_part(metadata, "properties").get(name)):
                message = f"the catalog lists the values of {quote(name)}, "
                message += "which are not about persons: remove it here, or its const or enum"
                yield Finding("catalog", (*route, "pii", name), message, at_key=True)


def constrained_field(files: Files) -> Iterator[Finding]:
    """A metric type or a product constrains what no call of record() may leave out."""
    fields = files.one("event", "fields", dict)
    settable = [name for name, field in _settable(files).items() if _by_record(field)]
    for route, name in _names(files):
        field = fields.get(name)
        if name in settable:
            continue
        if not isinstance(field, dict):
            message = f"{quote(name)} is not a field of the event: {suggestion(name, settable)}"
        elif field.get("set_by") == "client":
            message = f"{quote(name)} is set by the client, not by calls: remove it"
        else:
            message = f"{quote(name)} is not a field that record() may leave out: remove it"
        yield Finding("catalog", route, message, at_key=_is_key(route))


def field_value(files: Files) -> Iterator[Finding]:
    """A field is constrained to values that contradict each other, its type or its limits."""
    fields = _settable(files)
    for pattern in ("products/*", _METRIC_TYPES):
        for route, rule in files.each("catalog", f"{pattern}/fields/properties/*", dict):
            field = fields.get(str(route[-1]))
            yield from _both(route, rule)
            values = _values(route, rule)
            if field is None or not values:
                continue
            kind = str(field.get("type"))
            if kind not in _JSON_TYPES:
                message = f"a field of type {kind} has no const or enum: expected {_KINDS}"
                yield Finding("catalog", values[0][0], message)
                continue
            for place, value in values:
                fault = _fault(files, field, value)
                if fault:
                    yield Finding("catalog", place, f"{show(value)} is never accepted: {fault}")


def field_conflict(files: Files) -> Iterator[Finding]:
    """No event can satisfy what a metric type and its product require of fields."""
    fields = _settable(files)
    for route, product in files.each("catalog", "products/*", dict):
        common = _part(product, "fields")
        for name, metric in _part(product, "metric_types").items():
            own = _part(metric, "fields")
            here = (*route, "metric_types", name)
            yield from _widened(here, _part(common, "properties"), _part(own, "properties"))
            both = narrowed(_sound(common), _sound(own))
            wanted = both["required"]
            for one in wanted:
                excluded = fields.get(one, {}).get("excludes")
                others = [o for o in wanted if o in excluded] if isinstance(excluded, list) else []
                if others:
                    message = f"{quote(str(name))} requires {quote(one)} and {quote(others[0])}, "
                    message += "which exclude each other: remove one"
                    yield Finding("catalog", here, message, at_key=True)


def _widened(route: Route, common: Data, own: Data) -> Iterator[Finding]:
    for name, rule in own.items():
        allowed, mine = _allowed(common.get(name)), _allowed(rule)
        for place, value in mine.items():
            if allowed and not any(_same(value, one) for one in allowed.values()):
                at: Route = (*route, "fields", "properties", name, *place)
                texts = ", ".join(map(show, allowed.values()))
                message = f"{show(value)} is not among what the product allows for {quote(name)}: "
                other: Route = (*route[:2], "fields", "properties", name)
                note = ("the product's is at", "catalog", other)
                yield Finding("catalog", at, f"{message}expected {texts}", other=note)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _part(entry: Any, key: str) -> dict[str, Any]:
    """Returns a mapping inside a mapping; empty if it is missing or invalid."""
    part = entry.get(key) if isinstance(entry, dict) else None
    return part if isinstance(part, dict) else {}


def _sound(fields: Data) -> Data:
    """Returns the constraints without what is not of their shape."""
    properties = {k: v for k, v in _part(fields, "properties").items() if isinstance(v, dict)}
    required = fields.get("required")
    listed = required if isinstance(required, list) else []
    names = [name for name in listed if isinstance(name, str)]
    return {"properties": properties, "required": names}


def _settable(files: Files) -> Mapping[str, Data]:
    """Returns the fields that calls may leave out."""
    arguments = {name for _, name in files.each("event", "call/*/*", str)}
    return {
        str(route[-1]): field
        for route, field in files.each("event", "fields/*", dict)
        if is_dimension(str(route[-1]), field, arguments) and field.get("set_by") == "caller"
    }


def _by_record(field: Data) -> bool:
    calls = field.get("calls", [*DEFAULT_CALLS])
    return isinstance(calls, list) and "record" in calls


def _names(files: Files) -> Iterator[tuple[Route, str]]:
    """Yields the names of constrained fields, with their routes."""
    for pattern in ("products/*", _METRIC_TYPES):
        for route, _ in files.each("catalog", f"{pattern}/fields/properties/*", dict):
            yield route, str(route[-1])
        yield from files.each("catalog", f"{pattern}/fields/required/*", str)


def _is_key(route: Route) -> bool:
    return route[-2] == "properties"


def _both(route: Route, rule: Data) -> Iterator[Finding]:
    if "const" in rule and "enum" in rule:
        message = "const and enum exclude each other: remove one"
        yield Finding("catalog", (*route, "enum"), message, at_key=True)


def _allowed(rule: Any) -> dict[Route, Any]:
    """Returns the values that a rule allows by their routes in it; none if it allows all."""
    found: dict[Route, Any] = {}
    if isinstance(rule, dict):
        if rule.get("const") is not None:
            found[("const",)] = rule["const"]
        enum = rule.get("enum")
        if isinstance(enum, list):
            found |= {("enum", index): value for index, value in enumerate(enum)}
    return found


def _values(route: Route, rule: Data) -> list[tuple[Route, Any]]:
    return [((*route, *place), value) for place, value in _allowed(rule).items()]


def _is_a(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _JSON_TYPES[kind])


_KINDS = listing(_JSON_TYPES)


def _fault(files: Files, field: Data, value: Any) -> str:
    """Returns why a field never has a value; "" if it may."""
    kind = str(field.get("type"))
    if not _is_a(value, kind):
        return f"the type is {kind}"
    if kind == "enum":
        values = field.get("values")
        known = values if isinstance(values, list) else [value]
        return "" if value in known else f"expected {listing(map(str, known))}"
    if isinstance(value, str):
        least, most = field.get("min_length", 1), field.get("max_length")
        blank = files.one("event", "blank", str)
        if value.strip(blank) == "":
            return "it is blank"
        if isinstance(least, int) and isinstance(most, int) and not least <= len(value) <= most:
            return f"it must have {least} to {most} characters"
    elif not isinstance(value, bool):
        least, most = field.get("minimum"), field.get("maximum")
        if isinstance(least, int | float) and isinstance(most, int | float):
            if not least <= value <= most:
                return f"it must be from {least} to {most}"
            if not is_exact(value):
                return "it is not exact as a double"
    return ""

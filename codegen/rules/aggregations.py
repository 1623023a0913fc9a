"""Rules on how quantities become a total: what is counted, and what tells levels apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import quote, suggestion
from codegen.model import DEFAULT_CALLS, is_dimension, narrowed
from codegen.rules.files import Files, Finding, attribute
from codegen.source import Route

_METRIC_TYPES = "products/*/metric_types/*"
_METADATA = "metadata."
# What each aggregation needs beside the quantity; the others need nothing.
_NEEDED = {"unique": ("of",), "time_weighted": ("series", "total")}
_EXAMPLES = {
    "of": "of: metadata.KEY",
    "series": "series: metadata.KEY",
    "total": "total: {unit: gigabyte_hour, seconds: 3600}",
}
# Types whose values have one spelling.
_TYPES = ("string", "integer")


def aggregation_key(files: Files) -> Iterator[Finding]:
    """An aggregation lacks what it needs, or another one has it."""
    for route, metric in files.each("catalog", _METRIC_TYPES, dict):
        aggregation = metric.get("aggregation", "sum")
        needed = _NEEDED.get(aggregation, ()) if isinstance(aggregation, str) else _EXAMPLES
        for key, example in _EXAMPLES.items():
            if key in needed and key not in metric:
                message = f"aggregation {aggregation} needs `{key}`: add `{example}`"
                yield Finding("catalog", (*route, "aggregation"), message)
            elif key in metric and key not in needed:
                user = next(name for name, keys in _NEEDED.items() if key in keys)
                message = (
                    f"`{key}` belongs to `aggregation: {user}`, not to {aggregation}: remove it"
                )
                yield Finding("catalog", (*route, key), message, at_key=True)


def aggregation_value(files: Files) -> Iterator[Finding]:
    """What an aggregation counts, or tells levels apart by, may be missing."""
    for route, metric in files.each("catalog", _METRIC_TYPES, dict):
        for key in ("of", "series"):
            name = metric.get(key)
            # A removed metric type has no calls, and so no rules on them.
            if not isinstance(name, str) or "removed" in metric:
                continue
            fault = (
                _key_fault(metric, name.removeprefix(_METADATA))
                if name.startswith(_METADATA)
                else _field_fault(files, route, metric, name)
            )
            if fault:
                yield Finding("catalog", (*route, key), fault)


def _key_fault(metric: Any, key: str) -> str:
    """Returns what is wrong with a metadata key that every event must have; "" if nothing is."""
    metadata = attribute(metric, "metadata")
    if key not in _texts(attribute(metadata, "required")):
        return f"metadata key {quote(key)} may be missing: add it to the `required` of `metadata`"
    rule = attribute(attribute(metadata, "properties"), key)
    if attribute(rule, "type") not in _TYPES:
        message = f"metadata key {quote(key)} has no `type: string` or `type: integer`"
        return f"{message}: add one, so that a value is always spelled alike"
    if attribute(attribute(metadata, "pii"), key) == "drop":
        return f"metadata key {quote(key)} is dropped, so no event has it: hash it instead"
    return ""


def _field_fault(files: Files, route: Route, metric: Any, name: str) -> str:
    """Returns what is wrong with a field that every event must have; "" if nothing is."""
    fields = files.one("event", "fields", dict)
    arguments = {argument for _, argument in files.each("event", "call/*/*", str)}
    fitting = [
        each
        for each, field in fields.items()
        if isinstance(field, dict)
        and is_dimension(each, field, arguments)
        and field.get("set_by") == "caller"
        and field.get("type") in _TYPES
        and "record" in _texts(field.get("calls", [*DEFAULT_CALLS]))
    ]
    if name not in fields:
        options = [*fitting, *(_METADATA + key for key in _keys(metric))]
        return f"{quote(name)} is not a field of the event: {suggestion(name, options)}"
    if name not in fitting:
        message = f"field {quote(name)} is not a string or integer that calls may leave out"
        return f"{message}: {suggestion(name, fitting)}"
    product = files.one("catalog", f"products/{route[1]}", dict)
    both = narrowed(_sound(product), _sound(metric))
    if name not in both["required"]:
        return f"field {quote(name)} may be missing: add it to the `required` of `fields`"
    return ""


def _keys(metric: Any) -> list[str]:
    return _texts(attribute(attribute(metric, "metadata"), "required"))


def _sound(entry: Any) -> dict[str, Any]:
    """Returns the fields that an entry requires, whatever else it says."""
    return {"required": _texts(attribute(attribute(entry, "fields"), "required"))}


def _texts(items: Any) -> list[str]:
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def aggregation_unit(files: Files) -> Iterator[Finding]:
    """Sessions are aggregated in a way that has none, or a total has the unit of quantities."""
    units = files.one("catalog", "units", dict)
    for route, metric in files.each("catalog", _METRIC_TYPES, dict):
        aggregation, unit = metric.get("aggregation"), str(metric.get("unit"))
        if aggregation in _NEEDED and attribute(units.get(unit), "seconds") is not None:
            message = f"unit {quote(unit)} has `seconds`, so sessions can be measured in it, which "
            message += f"`aggregation: {aggregation}` does not count: use another unit"
            other = ("the unit is at", "catalog", ("units", unit))
            yield Finding("catalog", (*route, "unit"), message, other=other)
        total = metric.get("total")
        if attribute(total, "unit") == unit and aggregation == "time_weighted":
            message = f"a total over time is not in {quote(unit)}, the unit of quantities: "
            message += "name the unit of its product with time, such as gigabyte_hour"
            yield Finding("catalog", (*route, "total", "unit"), message)

"""Mozilla Glean's metrics.yaml: categories become products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.imports.entry import Imported, described, key, texts

# Type of Glean: unit, dimension and aggregation; a unit of None is in the metric.
_TYPES: Mapping[str, tuple[str | None, str, str]] = {
    "counter": ("event", "count", "sum"),
    "labeled_counter": ("event", "count", "sum"),
    "event": ("event", "count", "count"),
    "quantity": (None, "count", "last"),
    "labeled_quantity": (None, "count", "last"),
    "timespan": (None, "time", "sum"),
    "timing_distribution": (None, "time", "sum"),
    "memory_distribution": (None, "data", "sum"),
}
_EXTRAS = {"string": "string", "boolean": "boolean", "quantity": "integer"}


def read(data: Mapping[str, Any], _: str) -> Imported:
    """Returns what can be said of the metrics of a file."""
    imported = Imported()
    for category, metrics in data.items():
        if category.startswith("$") or category == "no_lint" or not isinstance(metrics, Mapping):
            continue
        for name, metric in metrics.items():
            if isinstance(metric, Mapping):
                _add(imported, category, str(name), metric)
    return imported


def _add(imported: Imported, category: str, name: str, metric: Mapping[str, Any]) -> None:
    kind = str(metric.get("type"))
    if kind not in _TYPES:
        imported.leave_out(f"{category}.{name}", f"a {kind} is no quantity that adds up")
        return
    unit, dimension, aggregation = _TYPES[kind]
    if unit is None:
        given = metric.get("unit") or metric.get("time_unit") or metric.get("memory_unit")
        unit = str(given or {"time": "nanosecond", "data": "byte"}.get(dimension, "unit"))
    owners = texts(metric.get("notification_emails"))
    entry: dict[str, Any] = {
        "unit": imported.unit(unit, dimension),
        "description": described(metric.get("description"), f"{name}."),
    }
    if aggregation != "sum":
        entry["aggregation"] = aggregation
    properties = _labels(metric) | _extra_keys(metric)
    if properties:
        entry["metadata"] = {"properties": properties}
    imported.add(category, described(next(iter(owners), ""), "unknown"), name, entry)


def _labels(metric: Mapping[str, Any]) -> dict[str, Any]:
    if not str(metric.get("type")).startswith("labeled_"):
        return {}
    labels = texts(metric.get("labels"))
    rule: dict[str, Any] = {"type": "string"}
    if labels:
        rule["enum"] = labels
    return {"label": rule}


def _extra_keys(metric: Mapping[str, Any]) -> dict[str, Any]:
    extras = metric.get("extra_keys")
    found = {}
    for name, extra in extras.items() if isinstance(extras, Mapping) else ():
        spelled = key(name)
        if spelled and isinstance(extra, Mapping):
            kind = _EXTRAS.get(str(extra.get("type")), "string")
            rule = {"type": kind}
            if extra.get("description"):
                rule["description"] = described(extra["description"], spelled)
            found[spelled] = rule
    return found

"""OpenMeter's meters: each becomes a metric type of one product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.imports.entry import (
    NOT_COUNTABLE,
    Imported,
    count_values,
    described,
    key,
    mappings,
    spell,
)

_AGGREGATIONS = {
    "SUM": "sum",
    "COUNT": "count",
    "MAX": "max",
    "MIN": "min",
    "LATEST": "last",
    "AVG": "avg",
    "UNIQUE_COUNT": "unique",
}
# JSONPath to a key of the event's data, as meters have it.
_PREFIX = "$."


def read(data: Mapping[str, Any], product: str) -> Imported:
    """Returns what can be said of the meters of a configuration."""
    imported = Imported()
    for meter in mappings(data.get("meters")):
        slug = str(meter.get("slug") or meter.get("key") or "")
        aggregation = str(meter.get("aggregation", "")).upper()
        if aggregation not in _AGGREGATIONS:
            imported.leave_out(slug, f"the aggregation {aggregation} is not one of this catalog")
            continue
        value = str(meter.get("valueProperty") or "")
        of = key(value.removeprefix(_PREFIX)) if aggregation == "UNIQUE_COUNT" else None
        if aggregation == "UNIQUE_COUNT" and of is None:
            imported.leave_out(slug, NOT_COUNTABLE)
            continue
        entry: dict[str, Any] = {
            "unit": imported.unit("event" if aggregation == "COUNT" else "unit"),
            "description": described(meter.get("description"), f"{slug}."),
            "aggregation": _AGGREGATIONS[aggregation],
        }
        alias = spell(str(meter.get("eventType", "")))
        if alias and alias not in _aliases(imported):
            entry["aliases"] = [alias]
        groups = meter.get("groupBy")
        keys = [key(name) for name in groups] if isinstance(groups, Mapping) else []
        if any(keys):
            entry["metadata"] = {"properties": {name: {} for name in keys if name}}
        if of:
            count_values(entry, of)
        elif value and aggregation != "COUNT":
            entry["x-value"] = value
        imported.add(product, "unknown", slug, entry)
    return imported


def _aliases(imported: Imported) -> set[str]:
    """Returns the names that are taken: several meters may count one type of event."""
    return {
        alias
        for product in imported.products.values()
        for metric in product["metric_types"].values()
        for alias in metric.get("aliases", ())
    }

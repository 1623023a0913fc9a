"""Lago's billable metrics: each becomes a metric type of one product."""

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
    texts,
)

_AGGREGATIONS = {
    "sum_agg": "sum",
    "count_agg": "count",
    "max_agg": "max",
    "latest_agg": "last",
    "unique_count_agg": "unique",
}


def read(data: Mapping[str, Any], product: str) -> Imported:
    """Returns what can be said of billable metrics, as its API lists them."""
    imported = Imported()
    for metric in mappings(data.get("billable_metrics")):
        code = str(metric.get("code", ""))
        aggregation = str(metric.get("aggregation_type"))
        if aggregation not in _AGGREGATIONS:
            imported.leave_out(code, f"the aggregation {aggregation} is not one of this catalog")
            continue
        of = key(metric.get("field_name") or "") if aggregation == "unique_count_agg" else None
        if aggregation == "unique_count_agg" and of is None:
            imported.leave_out(code, NOT_COUNTABLE)
            continue
        name = str(metric.get("name") or code)
        entry: dict[str, Any] = {
            "title": name,
            "unit": imported.unit("event" if aggregation == "count_agg" else "unit"),
            "description": described(metric.get("description"), f"{name}."),
            "aggregation": _AGGREGATIONS[aggregation],
        }
        if metric.get("recurring") is True:
            imported.leave_out(f"{code}: recurring", "a total begins anew each month")
        for extra in ("expression", "rounding_function"):
            if metric.get(extra):
                imported.leave_out(f"{code}: {extra}", "services compute quantities themselves")
        properties = {
            spelled: {"enum": values}
            for one in mappings(metric.get("filters"))
            if (spelled := key(one.get("key"))) and (values := texts(one.get("values")))
        }
        if properties:
            entry["metadata"] = {"properties": properties}
        if of:
            count_values(entry, of)
        elif metric.get("field_name"):
            entry["x-value"] = str(metric["field_name"])
        imported.add(product, "unknown", code, entry)
    return imported

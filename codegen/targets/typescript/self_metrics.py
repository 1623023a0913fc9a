"""The table of a client's metrics about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen import naming
from codegen.model import Model, SelfMetric
from codegen.targets.typescript import layout
from codegen.targets.typescript.entries import Entry


def table(model: Model) -> Mapping[str, Any]:
    metrics = model.sdk.metrics
    about = "The value of a label in place of a name that the catalog lacks."
    other = layout.assign("export const otherName =", layout.string(metrics.other), ";")
    values = metrics.values("outcome")
    outcomes = layout.list_("export const outcomes = ", values, " as const;", "")
    return {
        "other": f"{layout.doc(about, 0)}\n{other}",
        "outcomes": f"{layout.doc('The values of the label outcome.', 0)}\n{outcomes}",
        "metrics": [_entry(metric) for metric in metrics.client],
    }


def _entry(metric: SelfMetric) -> Entry:
    lines = [
        layout.property_("name", layout.string(metric.series)),
        layout.property_("otelName", layout.string(metric.otel_name)),
        layout.property_("otelUnit", layout.string(metric.otel_unit)),
        layout.property_("type", layout.string(metric.type)),
        layout.list_("labels: ", metric.labels, ",", " " * 4),
    ]
    if metric.stats:
        lines.append(layout.property_("stats", layout.string(naming.camel(metric.stats))))
    lines.append(layout.property_("divisor", layout.literal(metric.divisor)))
    lines.append(layout.property_("isMax", layout.literal(metric.is_max)))
    lines.append(layout.property_("help", layout.string(metric.description)))
    return Entry(layout.doc(metric.description), naming.camel(metric.key), tuple(lines))

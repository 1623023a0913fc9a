"""The table of a client's metrics about itself."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.model import Model, SelfMetric
from codegen.targets.go import literals


def table(model: Model) -> Mapping[str, str]:
    metrics = model.sdk.metrics
    return {
        "outcomes": literals.row(*map(literals.string, metrics.values("outcome"))),
        "other": literals.string(metrics.other),
        "rows": literals.lines(map(_row, metrics.client)),
    }


def _row(metric: SelfMetric) -> str:
    return literals.row(
        literals.string(metric.key),
        literals.string(metric.series),
        literals.string(metric.otel_name),
        literals.string(metric.otel_unit),
        literals.boolean(metric.type == "counter"),
        literals.strings(metric.labels),
        literals.string(metric.stats or ""),
        str(metric.divisor),
        literals.boolean(metric.is_max),
        literals.words(metric.description),
    )

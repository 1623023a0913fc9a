"""The table of a client's metrics about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen.model import Model
from codegen.targets.python.literals import literal


def table(model: Model) -> Mapping[str, Any]:
    metrics = model.sdk.metrics
    return {
        "outcomes": literal(metrics.values("outcome")),
        "other": literal(metrics.other),
        "rows": [
            ", ".join(
                literal(value)
                for value in (
                    metric.key,
                    metric.name,
                    metric.otel_name,
                    metric.otel_unit,
                    metric.type,
                    metric.labels,
                    metric.stats,
                    metric.divisor,
                    metric.is_max,
                    metric.description,
                )
            )
            for metric in metrics.client
        ],
    }

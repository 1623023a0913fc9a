"""What Prometheus and Grafana need of the metrics: the sink's table, alerts and a dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from codegen.model import Alert, Model, SelfMetric
from codegen.render import JSON_COMMENT, File, file
from codegen.targets.infra.dashboard import dashboard
from codegen.text import python_string


@dataclass(frozen=True, slots=True)
class _Rule:
    """An alert; its texts are scalars of YAML."""

    name: str
    expr: str
    duration: str | None
    severity: str
    summary: str
    action: str


def outputs(model: Model) -> Iterator[File]:
    """Yields what the project's metrics are watched by."""
    if model.sdk.alerts:
        yield file(
            "infra/alerts.yaml",
            "infra/alerts.yaml.j2",
            group=model.sdk.client_name,
            rules=[_rule(alert) for alert in model.sdk.alerts],
        )
    if model.sdk.metrics.client:
        text = json.dumps({**JSON_COMMENT, **dashboard(model)}, indent=2, ensure_ascii=False)
        yield File("infra/grafana-dashboard.json", text + "\n")


def sink_table(model: Model) -> File:
    """Returns the sink's table of its metrics."""
    return file(
        "infra/sink/_generated/metrics.py",
        "infra/metrics.py.j2",
        whose="sink",
        metrics=[_arguments(metric) for metric in model.sdk.metrics.sink],
    )


def api_table(model: Model) -> File:
    """Returns the HTTP API's table of its metrics."""
    return file(
        "infra/api/_generated/metrics.py",
        "infra/metrics.py.j2",
        whose="api",
        metrics=[_arguments(metric) for metric in model.sdk.metrics.api],
    )


def _rule(alert: Alert) -> _Rule:
    texts = (alert.summary, alert.action)
    summary, action = (json.dumps(text, ensure_ascii=False) for text in texts)
    expr = json.dumps(alert.expr, ensure_ascii=False)
    return _Rule(alert.name, expr, alert.duration, alert.severity, summary, action)


def _arguments(metric: SelfMetric) -> list[str]:
    labels = "".join(f"{python_string(label)}," for label in metric.labels)
    return [
        python_string(metric.key),
        python_string(metric.name),
        python_string(metric.type),
        f"({labels})",
        python_string(metric.description),
    ]

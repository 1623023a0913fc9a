"""The generated parts of the page on metrics: of clients, of the sink, and the alerts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.model import Alert, Model, SelfMetric
from codegen.render import Output, render, section
from codegen.text import markdown, markdown_code

_PAGE = "docs/metrics.md"


@dataclass(frozen=True, slots=True)
class _Metric:
    series: str
    otel_name: str
    otel_unit: str
    type: str
    labels: str
    description: str
    alerts: str


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class _Alert:
    name: str
    severity: str
    expr: str
    duration: str
    action: str


def outputs(model: Model) -> Iterator[Output]:
    """Yields the tables of the page."""
    metrics = model.sdk.metrics
    labels = {label for metric in metrics.client for label in metric.labels}
    clients = render(
        "docs/metrics-of-clients.md.j2",
        metrics=[_metric(model, metric) for metric in metrics.client],
        labels=[
            _Label(markdown_code(label.name), markdown(label.description))
            for label in metrics.labels
            if label.name in labels
        ],
    )
    sinks = [_metric(model, metric) for metric in metrics.sink]
    yield section(_PAGE, "clients", clients)
    yield section(_PAGE, "sink", render("docs/metrics-of-the-sink.md.j2", metrics=sinks))
    apis = [_metric(model, metric) for metric in metrics.api]
    yield section(_PAGE, "api", render("docs/metrics-of-the-sink.md.j2", metrics=apis))
    alerts = [_alert(alert) for alert in model.sdk.alerts]
    yield section(_PAGE, "alerts", render("docs/alerts.md.j2", alerts=alerts))


def _metric(model: Model, metric: SelfMetric) -> _Metric:
    alerts = [alert.name for alert in model.sdk.alerts if metric.series in alert.series]
    return _Metric(
        markdown_code(metric.series),
        markdown_code(metric.otel_name),
        markdown_code(metric.otel_unit),
        metric.type,
        ", ".join(map(markdown_code, metric.labels)),
        markdown(metric.description),
        ", ".join(map(markdown_code, alerts)),
    )


def _alert(alert: Alert) -> _Alert:
    duration = f", for {alert.duration}" if alert.duration else ""
    expr = markdown_code(alert.expr)
    return _Alert(markdown_code(alert.name), alert.severity, expr, duration, markdown(alert.action))

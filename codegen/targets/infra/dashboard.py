"""A dashboard of Grafana with a panel for each metric, in rows for services and for the sink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codegen.model import Model, SelfMetric

_SOURCE = {"type": "prometheus", "uid": "${source}"}
# Grafana's grid has 24 columns.
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_UNITS = {"s": "s", "By": "bytes"}


def dashboard(model: Model) -> Mapping[str, Any]:
    """Returns the dashboard as Grafana imports it; who imports it chooses the data source."""
    metrics = model.sdk.metrics
    name = model.sdk.client_name
    named = (("Services", metrics.client), ("Sink", metrics.sink), ("HTTP API", metrics.api))
    rows = [(title, shown) for title, shown in named if shown]
    return {
        "uid": name,
        "title": f"{name}: metering",
        "tags": [name],
        "schemaVersion": 39,
        "timezone": "",
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _jobs(metrics.client)]},
        "panels": list(_panels(rows)),
    }


def _source() -> Mapping[str, Any]:
    return {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _jobs(metrics: Iterable[SelfMetric]) -> Mapping[str, Any]:
    series = next(metric.series for metric in metrics if not metric.labels)
    return {
        "name": "job",
        "label": "Service",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values({series}, job)", "refId": "jobs"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: Iterable[tuple[str, tuple[SelfMetric, ...]]]) -> Iterator[Mapping[str, Any]]:
    number = top = 0
    for title, metrics in rows:
        number += 1
        place = {"x": 0, "y": top, "w": _WIDTH * _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "gridPos": place, "panels": []}
        top += 1
        for index, metric in enumerate(metrics):
            number += 1
            down, right = divmod(index, _COLUMNS)
            place = {"x": right * _WIDTH, "y": top + down * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            yield _panel(number, metric, place, by_job=title == "Services")
        top += -(-len(metrics) // _COLUMNS) * _HEIGHT


def _panel(
    number: int, metric: SelfMetric, place: Mapping[str, int], *, by_job: bool
) -> Mapping[str, Any]:
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels)
    target = {
        "refId": "A",
        "datasource": _SOURCE,
        "expr": _expression(metric, by_job=by_job),
        "legendFormat": legend or ("{{job}}" if by_job else metric.key),
    }
    unit = _UNITS.get(metric.otel_unit, "short")
    if metric.type == "counter":
        unit = "cps"
    return {
        "id": number,
        "type": "timeseries",
        "title": metric.key.replace("_", " ").capitalize(),
        "description": metric.description,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [target],
    }


def _expression(metric: SelfMetric, *, by_job: bool) -> str:
    """Returns what a panel shows: a rate of a counter, the mean of a summary, or a value."""
    labels = ", ".join(metric.labels or (("job",) if by_job else ()))
    by = f" by ({labels})" if labels else ""
    chosen = '{job=~"$job"}' if by_job else ""
    match metric.type:
        case "counter":
            return f"sum{by} (rate({metric.series}{chosen}[$__rate_interval]))"
        case "summary":
            sums, counts = f"{metric.name}_sum", f"{metric.name}_count"
            interval = "[$__rate_interval]"
            return f"sum(rate({sums}{interval})) / sum(rate({counts}{interval}))"
        case _:
            return f"max{by} ({metric.series}{chosen})"

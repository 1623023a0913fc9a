"""The model of the metrics in sdk.yaml, which clients and the sink expose, and of the alerts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from codegen.model.data import Data

# The units that Prometheus names metrics by, in OpenTelemetry's words.
BASE_UNITS: Mapping[str, str] = {"seconds": "s", "bytes": "By"}
# What is between names in the two systems.
SINK, API = "sink", "api"
_OTHER = "{other}"
_MILLISECONDS = "_ms"
# A metric in the expression of an alert; no selector of PromQL is like it.
REFERENCE = re.compile(r"\{(client|sink|api)\.(\w+)\}")


@dataclass(frozen=True, slots=True)
class Label:
    """A label of metrics; `values` is empty if the catalog or the error codes have them."""

    name: str
    values: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class SelfMetric:
    """One metric of a client, the sink or the API about itself, under its names everywhere.

    key        its name in sdk.yaml
    name       its name in Prometheus, without the `_total` of a counter, which libraries add
    otel_name  its name in OpenTelemetry
    otel_unit  its unit there: `s`, `By`, or what is counted, as `{event}`
    stats      the counter of stats() that it reads; None if it is counted by call
    is_max     whether the largest value of a process's clients is exposed, in place of the sum
    """

    key: str
    name: str
    otel_name: str
    otel_unit: str
    type: str
    labels: tuple[str, ...]
    stats: str | None
    is_max: bool
    description: str

    @property
    def series(self) -> str:
        """Returns the name of its series in Prometheus; of a summary, that of its sum."""
        return self.name + {"counter": "_total", "summary": "_sum"}.get(self.type, "")

    @property
    def divisor(self) -> int:
        """Returns by what the counter of stats() is divided."""
        return 1000 if self.stats and self.stats.endswith(_MILLISECONDS) else 1


@dataclass(frozen=True, slots=True)
class SelfMetrics:
    """All metrics; `other` is a label's value in place of names that the catalog lacks."""

    labels: tuple[Label, ...] = ()
    other: str = ""
    client: tuple[SelfMetric, ...] = ()
    sink: tuple[SelfMetric, ...] = ()
    api: tuple[SelfMetric, ...] = ()

    def values(self, label: str) -> tuple[str, ...]:
        """Returns the values of a label that are neither names of the catalog nor codes."""
        return next((one.values for one in self.labels if one.name == label), ())


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule for Prometheus; `series` are those in its expression, in their order."""

    name: str
    expr: str
    series: tuple[str, ...]
    duration: str | None
    severity: str
    summary: str
    action: str


def read_alerts(data: Data, metrics: SelfMetrics) -> tuple[Alert, ...]:
    groups = {"client": metrics.client, SINK: metrics.sink, API: metrics.api}
    series = {(group, m.key): m.series for group, known in groups.items() for m in known}

    def name(reference: re.Match[str]) -> str:
        return series[reference[1], reference[2]]

    return tuple(
        Alert(
            name=key,
            expr=REFERENCE.sub(name, alert["expr"]),
            series=tuple(dict.fromkeys(map(name, REFERENCE.finditer(alert["expr"])))),
            duration=alert.get("for"),
            severity=alert["severity"],
            summary=alert["summary"],
            action=alert["action"],
        )
        for key, alert in data.items()
    )


def read_metrics(data: Data | None, module: str) -> SelfMetrics:
    """Returns the metrics of a project whose Python module has that name."""
    if data is None:
        return SelfMetrics()
    other = data["other"]
    return SelfMetrics(
        labels=tuple(
            Label(
                name,
                tuple(label.get("values", ())),
                label["description"].replace(_OTHER, other),
            )
            for name, label in data["labels"].items()
        ),
        other=other,
        client=tuple(_metric(name, m, module, ()) for name, m in data["client"].items()),
        sink=tuple(_metric(name, m, module, (SINK,)) for name, m in data["sink"].items()),
        api=tuple(_metric(name, m, module, (API,)) for name, m in data.get("api", {}).items()),
    )


def metric_names(key: str, unit: str, module: str, group: tuple[str, ...]) -> tuple[str, str]:
    """Returns a metric's name in Prometheus, without `_total`, and in OpenTelemetry."""
    base = (unit,) if unit in BASE_UNITS else ()
    return "_".join((module, *group, key, *base)), ".".join((module, *group, key))


def _metric(key: str, data: Data, module: str, group: tuple[str, ...]) -> SelfMetric:
    unit = data["unit"]
    name, otel_name = metric_names(key, unit, module, group)
    return SelfMetric(
        key=key,
        name=name,
        otel_name=otel_name,
        otel_unit=BASE_UNITS.get(unit, f"{{{unit}}}"),
        type=data["type"],
        labels=tuple(data.get("labels", ())),
        stats=data.get("stats"),
        is_max=data.get("over_clients") == "max",
        description=data["description"],
    )

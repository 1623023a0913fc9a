"""Exposes the counts of a sink to Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from infra.sink._generated.metrics import SINK_METRICS, SinkMetric
from infra.sink.counts import Counts
from infra.sink.decode import Code
from infra.sink.errors import SinkError


class Counted(Collector):
    """Reads the counts at each scrape, so that nothing is counted in two places."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics; without the lag, while nobody can tell it."""
        for metric in SINK_METRICS:
            yield from self._families(metric)

    def _families(self, metric: SinkMetric) -> Iterator[Metric]:
        counts, name, text = self._counts, metric.name, metric.description
        match metric.key:
            case "dead_letters":
                dead = CounterMetricFamily(name, text, labels=metric.labels)
                # A series that begins above 0 would hide its first dead letters from `increase`.
                for code in get_args(Code):
                    dead.add_metric([code], counts.dead[code])
                yield dead
            case "insert":
                yield SummaryMetricFamily(name, text, counts.inserts, counts.insert_seconds)
            case "lag":
                if counts.lag is not None:
                    yield GaugeMetricFamily(name, text, counts.lag)
            case "rollup_age":
                if counts.rolled_up_at is not None:
                    yield GaugeMetricFamily(name, text, time.time() - counts.rolled_up_at)
            case "waiting":
                yield GaugeMetricFamily(name, text, counts.paused)
            case key:
                yield CounterMetricFamily(name, text, getattr(counts, key))


def serve(counts: Counts, host: str, port: int) -> int:
    """Serves the metrics from a thread of its own and returns the port; 0 picks a free one.

    Whoever can reach the address can read the metrics, and their page needs no password.
    """
    registry = CollectorRegistry()
    registry.register(Counted(counts))
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as failure:
        raise SinkError(f"cannot serve metrics on port {port} of {host}: {failure}") from None
    return int(server.server_port)

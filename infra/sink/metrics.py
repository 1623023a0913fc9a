"""What a sink counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from infra.sink.counts import Counts
from infra.sink.errors import SinkError


class _Counted(Collector):
    """Reads the counts when it is asked, so that nothing is counted twice over."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        for name, text, value in (
            ("usage_sink_read", "Messages that were read.", counts.read),
            ("usage_sink_stored", "Events that the store has.", counts.stored),
            ("usage_sink_unknown", "Stored events of unknown metric types.", counts.unknown),
            ("usage_sink_failures", "Tries that a store or broker refused.", counts.failures),
        ):
            yield CounterMetricFamily(name, text, value)
        dead = CounterMetricFamily(
            "usage_sink_dead_letters", "Messages that are no events.", labels=["reason"]
        )
        for code, count in list(counts.dead.items()):
            dead.add_metric([code], count)
        yield dead
        yield SummaryMetricFamily(
            "usage_sink_insert_seconds",
            "Time that inserts took.",
            counts.inserts,
            counts.insert_seconds,
        )
        if counts.lag is not None:
            yield GaugeMetricFamily(
                "usage_sink_lag", "Messages that are not yet stored.", counts.lag
            )
        yield GaugeMetricFamily(
            "usage_sink_waiting", "1 while the store or Kafka is away.", counts.stands_still
        )


def serve(counts: Counts, port: int) -> int:
    """Serves them on a port from a thread of its own, and returns the port: 0 takes a free one."""
    registry = CollectorRegistry()
    registry.register(_Counted(counts))
    try:
        server, _ = start_http_server(port, registry=registry)
    except OSError as failure:
        raise SinkError(f"cannot serve metrics on port {port}: {failure}") from None
    return int(server.server_port)

"""Exposes the counts of a sink to Prometheus."""

from __future__ import annotations

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

from infra.sink.counts import Counts
from infra.sink.decode import Code
from infra.sink.errors import SinkError


class Counted(Collector):
    """Reads the counts at each scrape, so that nothing is counted in two places."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        for name, text, value in (
            ("usage_sink_read", "Messages consumed from the usage topic.", counts.read),
            ("usage_sink_stored", "Events inserted into the store.", counts.stored),
            (
                "usage_sink_unknown",
                "Stored events of metric types that this catalog lacks.",
                counts.unknown,
            ),
            (
                "usage_sink_undeclared",
                "Stored events of undeclared event types, which are not billed.",
                counts.undeclared,
            ),
            (
                "usage_sink_expired",
                "Messages that the topic's retention removed before they were stored.",
                counts.expired,
            ),
            (
                "usage_sink_failures",
                "Attempts that failed because the store or Kafka was unavailable.",
                counts.failures,
            ),
        ):
            yield CounterMetricFamily(name, text, value)
        dead = CounterMetricFamily(
            "usage_sink_dead_letters",
            "Messages written to the dead-letter topic.",
            labels=["reason"],
        )
        # A series that begins above 0 would hide its first dead letters from `increase`.
        for code in get_args(Code):
            dead.add_metric([code], counts.dead[code])
        yield dead
        yield SummaryMetricFamily(
            "usage_sink_insert_seconds",
            "Duration of inserts in seconds.",
            counts.inserts,
            counts.insert_seconds,
        )
        if counts.lag is not None:
            yield GaugeMetricFamily(
                "usage_sink_lag",
                "Messages of the topic that no sink of the group has stored yet.",
                counts.lag,
            )
        yield GaugeMetricFamily(
            "usage_sink_waiting",
            "1 while the store or Kafka is unavailable, else 0.",
            counts.paused,
        )


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

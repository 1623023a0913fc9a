"""Exposes the metrics of clients to Prometheus: `register(client)`.

Needs prometheus_client: `pip install eka-usage-sdk[prometheus]`. The metrics are in
`docs/metrics.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import TypeAlias
from weakref import WeakKeyDictionary

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from . import _public
from ._bind import BoundClient
from ._client import EkaClient
from ._generated.self_metrics import SELF_METRICS, SelfMetric
from ._scrape import Sample, Watched

Client: TypeAlias = EkaClient | BoundClient

__all__ = ["UsageCollector", "register"]


class UsageCollector(Collector):
    """Reads the counters of clients at each scrape; it is registered once per registry.

    From now on the clients count events by product, metric type and status. A client is kept, so
    that its counters are still there after its shutdown.

    Args:
        clients: what to expose, as the sum over all of them.
    """

    def __init__(self, *clients: Client) -> None:
        self._watched = Watched()
        self.add(*clients)

    def add(self, *clients: Client) -> None:
        """Exposes further clients; one that is exposed already counts once.

        Raises:
            TypeError: one is not a client.
        """
        self._watched.add(*clients)

    def describe(self) -> Iterable[Metric]:
        """Returns the metrics without values, so that a registry finds duplicate names."""
        return [_family(metric, []) for metric in SELF_METRICS]

    def collect(self) -> Iterable[Metric]:
        """Returns the metrics with what the clients have counted up to now."""
        return [_family(metric, samples) for metric, samples in self._watched.read().metrics()]


_lock = Lock()
_collectors: WeakKeyDictionary[CollectorRegistry, UsageCollector] = WeakKeyDictionary()


def register(*clients: Client, registry: CollectorRegistry = REGISTRY) -> None:
    """Exposes clients in a registry, those registered there before included.

    Args:
        clients: whose events are counted by product, metric type and status from now on.
        registry: prometheus_client's own by default.

    Raises:
        TypeError: one is not a client.
    """
    with _lock:
        known = _collectors.get(registry)
        if known is not None:
            known.add(*clients)
            return
        collector = UsageCollector(*clients)
        registry.register(collector)
        _collectors[registry] = collector


def _family(metric: SelfMetric, samples: list[Sample]) -> Metric:
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.description, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


_public.move_to_package(__name__, __all__, globals())

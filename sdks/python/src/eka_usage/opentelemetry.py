"""Exposes the metrics of clients to OpenTelemetry: `register(client)`.

Needs opentelemetry-api: `pip install eka-usage-sdk[opentelemetry]`. The metrics are in
`docs/metrics.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from threading import Lock
from typing import TypeAlias
from weakref import WeakKeyDictionary

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from . import _public
from ._bind import BoundClient
from ._client import EkaClient
from ._generated.catalog import SDK_VERSION
from ._generated.self_metrics import SELF_METRICS, SelfMetric
from ._scrape import Watched

Client: TypeAlias = EkaClient | BoundClient

__all__ = ["register"]

_lock = Lock()
_watched: WeakKeyDictionary[Meter, Watched] = WeakKeyDictionary()


def register(*clients: Client, meter: Meter | None = None) -> None:
    """Creates observable instruments, which read the counters of clients at each collection.

    From now on the clients count events by product, metric type and status. A client is kept, so
    that its counters are still there after its shutdown.

    Args:
        clients: what to expose, as the sum over all that are registered with the meter.
        meter: of the global meter provider by default, under the name of this package.

    Raises:
        TypeError: one is not a client.
    """
    meter = _global_meter() if meter is None else meter
    with _lock:
        known = _watched.get(meter)
        if known is not None:
            known.add(*clients)
            return
        watched = Watched()
        watched.add(*clients)
        for metric in SELF_METRICS:
            create = (
                meter.create_observable_counter
                if metric.type == "counter"
                else meter.create_observable_gauge
            )
            create(
                metric.otel_name,
                callbacks=[_callback(watched, metric)],
                unit=metric.otel_unit,
                description=metric.description,
            )
        _watched[meter] = watched


@cache
def _global_meter() -> Meter:
    # Until a provider is set, each call would return another.
    return get_meter(__name__.rpartition(".")[0], SDK_VERSION)


def _callback(
    watched: Watched, metric: SelfMetric
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, dict(zip(metric.labels, labels, strict=True)))
            for labels, value in watched.read().samples(metric)
        ]

    return observe


_public.move_to_package(__name__, __all__, globals())

"""Clients that are counted, and what Prometheus reads of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eka_usage import EkaClient
from eka_usage import prometheus as prom
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sdks.python.tests.support import CollectingProducer

LABELS = ("code", "outcome", "product", "metric_type", "status")
EVENTS, AMOUNTS = "eka_usage_events_total", "eka_usage_amounts_total"


@pytest.fixture
def make_collecting() -> Iterator[Callable[..., EkaClient]]:
    """Makes clients with a producer in memory, and shuts them down."""
    made: list[EkaClient] = []

    def make(producer: Any = None, **arguments: Any) -> EkaClient:
        made.append(EkaClient("own", producer=producer or CollectingProducer(), **arguments))
        return made[-1]

    yield make
    for client in made:
        client.shutdown(0)


def exposed(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """Returns the values in the text that Prometheus reads, by names and values of labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            values = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def watched(*clients: Any) -> CollectorRegistry:
    """Returns a registry that exposes clients."""
    registry = CollectorRegistry()
    prom.register(*clients, registry=registry)
    return registry

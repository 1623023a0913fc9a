"""Exposes what all workers have answered to Prometheus.

Workers count in files of a folder that they share, and whichever is asked reads all of them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Summary,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from infra.api._generated.metrics import API_METRICS

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_TABLE = {metric.key: metric for metric in API_METRICS}
_SHARE = "spool_share"


@contextmanager
def shared_by_workers() -> Iterator[None]:
    """Makes the folder in which the workers count that are started meanwhile."""
    with tempfile.TemporaryDirectory(prefix="usage-api-") as folder:
        os.environ[_FOLDER] = folder
        yield


class Metrics:
    """What a worker counts; a project may lack some of the metrics.

    Args:
        spool_share: returns how much of the spool is used, from 0 to 1.

    Attributes:
        registry: what this worker counts.
        spool: what is read of the spool.
    """

    def __init__(self, spool_share: Callable[[], float]) -> None:
        self.spool = _Spool(spool_share)
        self.registry = registry = CollectorRegistry()
        self._counters = {
            key: Counter(each.name, each.description, each.labels, registry=registry)
            for key, each in _TABLE.items()
            if each.type == "counter"
        }
        # By key and labels, as looking one up takes as long as counting.
        self._children: dict[tuple[str, tuple[str, ...]], Counter] = {}
        self._summaries = {
            key: Summary(each.name, each.description, registry=registry)
            for key, each in _TABLE.items()
            if each.type == "summary"
        }

    def count(self, key: str, *labels: str, by: float = 1) -> None:
        """Adds to a counter."""
        child = self._children.get((key, labels))
        if child is None and (counter := self._counters.get(key)) is not None:
            child = self._children[key, labels] = counter.labels(*labels) if labels else counter
        if child is not None:
            child.inc(by)

    def observe(self, key: str, value: float) -> None:
        """Adds to a summary."""
        if (summary := self._summaries.get(key)) is not None:
            summary.observe(value)

    def count_answer(self, status: int, seconds: float) -> None:
        """Counts a request once it is answered."""
        self.count("requests", str(status))
        self.observe("request", seconds)

    async def answer(self, _: Request) -> Response:
        """Answers the metrics of all workers."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(self.spool)
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class _Spool(Collector):
    """Reads the spool at each scrape: the workers share it, so no sum over them is right."""

    def __init__(self, share: Callable[[], float]) -> None:
        self._share = share

    def collect(self) -> Iterator[Metric]:
        if (metric := _TABLE.get(_SHARE)) is not None:
            yield GaugeMetricFamily(metric.name, metric.description, self._share())

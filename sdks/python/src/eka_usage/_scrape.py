"""What clients of this process have counted, under the names of the generated table."""

# ruff: noqa: SLF001  it is a part of the clients
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ._bind import BoundClient
from ._client import EkaClient
from ._counting import Counted, Labels
from ._generated.errors import ERRORS
from ._generated.self_metrics import SELF_METRICS, SelfMetric
from ._interrupts import shared_lock
from ._ledger import Stats


class Sample(NamedTuple):
    """The value of a metric for the values of its labels."""

    labels: tuple[str, ...]
    value: float


class Watched:
    """The clients that an adapter exposes, each of them once.

    They are kept, so that what one has counted is still there after its shutdown.
    """

    def __init__(self) -> None:
        self._lock = shared_lock()
        self._clients: list[EkaClient] = []

    def add(self, *clients: EkaClient | BoundClient) -> None:
        """Counts the events of these clients too from now on; a bound one stands for its client.

        Raises:
            TypeError: one is not a client.
        """
        found = [_client_of(client) for client in clients]
        with self._lock:
            for client in found:
                client._count_calls()
                if not any(client is known for known in self._clients):
                    self._clients.append(client)

    def read(self) -> Reading:
        """Returns what the clients have counted up to now."""
        clients = list(self._clients)
        counted: dict[Labels, Counted] = {}
        for client in clients:
            for labels, more in client._current().outcomes.counting.counted().items():
                known = counted.get(labels, Counted(0, 0.0))
                counted[labels] = Counted(known.events + more.events, known.amount + more.amount)
        return Reading(tuple(client.stats() for client in clients), counted)


class Reading(NamedTuple):
    """What several clients had counted at one moment."""

    stats: tuple[Stats, ...]
    counted: Mapping[Labels, Counted]

    def metrics(self) -> Iterator[tuple[SelfMetric, list[Sample]]]:
        """Yields every metric with its samples."""
        for metric in SELF_METRICS:
            yield metric, self.samples(metric)

    def samples(self, metric: SelfMetric) -> list[Sample]:
        """Returns the samples of one metric."""
        if metric.key == "events":
            return [Sample(labels, one.events) for labels, one in sorted(self.counted.items())]
        if metric.key == "amounts":
            return [Sample(labels, one.amount) for labels, one in sorted(self.counted.items())]
        if metric.key == "rejected":
            return [Sample((code,), number) for code, number in self._rejected().items()]
        values = [getattr(stats, metric.stats or "") / metric.divisor for stats in self.stats]
        return [Sample((), max(values, default=0) if metric.is_max else sum(values))]

    def _rejected(self) -> dict[str, int]:
        """Returns how many events were rejected for each reason, those without any included.

        A series that begins above 0 would hide its first rejections from `increase`.
        """
        rejected: dict[str, int] = {
            code: 0 for code, row in ERRORS.items() if row.outcome == "rejected"
        }
        for stats in self.stats:
            for code, number in stats.rejected.items():
                rejected[code] = rejected.get(code, 0) + number
        return rejected


def _client_of(client: object) -> EkaClient:
    if isinstance(client, BoundClient):
        return client._client
    if isinstance(client, EkaClient):
        return client
    raise TypeError(f"expected a client, got {type(client).__name__}")

"""The books of one client instance: what was accepted, and what became of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from ._spool.spool import SpoolStats


class Stats(NamedTuple):
    """What became of the events of one client.

    `accepted == delivered + failed + queued + spooled`.

    Attributes:
        accepted: events that `record()` returned an id for.
        delivered: of these, those that Kafka has.
        failed: of these, those that cannot be delivered any more; `on_error` heard of each.
        queued: of these, those on their way.
        rejected: events that were not accepted, by error code.
        spooled: of the accepted, those that wait on disk, for this process or the next one.
        adopted: events of other processes that were found on disk and taken over.
        replayed: of these, those that Kafka has now.
        dead_lettered: events of this process or adopted that Kafka will never take, kept on disk.
        oldest_spooled_ms: how long ago the oldest file was begun that waits on disk; 0 if none.
    """

    accepted: int
    delivered: int
    failed: int
    queued: int
    rejected: Mapping[str, int]
    spooled: int = 0
    adopted: int = 0
    replayed: int = 0
    dead_lettered: int = 0
    oldest_spooled_ms: int = 0


class Ledger:
    """Counts what does not go well; what does go well is the difference, and costs nothing."""

    def __init__(self) -> None:
        # A signal handler may count while its thread is counting.
        self._lock = threading.RLock()
        self._failed = 0
        self._delivered = 0
        self._rejected: Counter[str] = Counter()

    def fail(self) -> None:
        """Counts an accepted event that cannot be delivered."""
        with self._lock:
            self._failed += 1

    def reject(self, code: str) -> None:
        """Counts an event that was not accepted."""
        with self._lock:
            self._rejected[code] += 1

    def stats(self, taken: int, queued: int, spool: SpoolStats) -> Stats:
        """The books, from what was taken first and is queued now.

        While others record, more may be queued than was taken when that was counted, and librdkafka
        counts some things of its own as queued: nothing is said to be delivered that might not be,
        and what was once said to be delivered stays so.
        """
        with self._lock:
            failed, rejected = self._failed, dict(self._rejected)
            delivered = self._delivered = max(
                self._delivered, taken - failed - queued - spool.spooled
            )
        elsewhere = delivered + failed + spool.spooled
        accepted = max(taken, elsewhere)
        return Stats(accepted, delivered, failed, accepted - elsewhere, rejected, *spool)

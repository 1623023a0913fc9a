"""The counters of one client instance: what was accepted, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from ._interrupts import shared_lock
from ._spool.spool import SpoolStats


class Stats(NamedTuple):
    """The counters of one client.

    `accepted == delivered + failed + queued + spooled`.

    Attributes:
        accepted: events that `record()` returned an id for.
        delivered: accepted events that Kafka has acknowledged.
        failed: accepted events that cannot be delivered; each was reported to `on_error`.
        queued: accepted events in memory.
        rejected: events that were not accepted, by error code.
        spooled: accepted events pending on disk, for this process or the next one.
        adopted: events of other processes that were found on disk and adopted.
        replayed: adopted events that Kafka has acknowledged.
        dead_lettered: own and adopted events that Kafka rejected permanently, kept on disk.
        oldest_spooled_ms: the age of the oldest segment that is pending; 0 if none is.
        disabled: whether nothing is sent; then `delivered` counts what would have been.
        spool_error: why there is no spool; empty if there is one, or none was to be used.
        spooled_total: events that were written to the spool; one that is moved counts again.
        retried: accepted events that left memory undelivered and stay on disk, to be sent again.
        spool_bytes: the disk space of the spool's directory, which processes may share.
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
    disabled: bool = False
    spool_error: str = ""
    spooled_total: int = 0
    retried: int = 0
    spool_bytes: int = 0


class Ledger:
    """Counts failures and rejections; what was delivered is the difference, and costs nothing."""

    def __init__(self) -> None:
        self._lock = shared_lock()
        self._failed = 0
        self._delivered = 0
        self._rejected: Counter[str] = Counter()

    def fail(self) -> None:
        """Counts an accepted event that cannot be delivered."""
        with self._lock:
            self._failed += 1

    def reject(self, code: str, count: int) -> None:
        """Counts events that were not accepted."""
        with self._lock:
            self._rejected[code] += count

    def stats(self, taken: int, queued: int, spool: SpoolStats) -> Stats:
        """Returns the counters, from what was taken first and is queued now.

        While other threads record, more may be queued than was taken when that was counted, and
        librdkafka counts some things of its own as queued: an event that might not be delivered is
        never counted as delivered, and the number of delivered events never decreases.
        """
        with self._lock:
            failed, rejected = self._failed, dict(self._rejected)
            delivered = self._delivered = max(
                self._delivered, taken - failed - queued - spool.spooled
            )
        elsewhere = delivered + failed + spool.spooled
        accepted = max(taken, elsewhere)
        queued = accepted - elsewhere
        return Stats(accepted, delivered, failed, queued, rejected, **spool._asdict())

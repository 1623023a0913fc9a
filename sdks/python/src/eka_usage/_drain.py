"""Waiting until the events of an outbox are delivered, in memory first, then on disk."""

from __future__ import annotations

import time
from collections.abc import Callable

from ._clock import monotonic
from ._connection import Connection
from ._spool.spool import Spool

# A wait for Kafka is cut into slices, so that the host's signal handlers run in between.
_SLICE = 0.2
# The same while events are pending on disk, which the replayer sends.
_DISK_SLICE = 0.05


class Drain:
    """Waits for the events of one outbox.

    Args:
        connection: holds the transport.
        queued: returns how many events are in memory.
        unpark: sends parked events, as far as there is room.
        spool: the outbox's; None for none.
    """

    def __init__(
        self,
        connection: Connection,
        queued: Callable[[], int],
        unpark: Callable[[], object],
        spool: Spool | None,
    ) -> None:
        self._connection = connection
        self._queued = queued
        self._unpark = unpark
        self._spool = spool

    @property
    def pending(self) -> int:
        """How many events of this client are pending on disk."""
        return 0 if self._spool is None else self._spool.pending

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds, and returns how many events are queued or pending."""
        deadline = monotonic() + timeout
        self._wait(timeout)
        while self.pending and (left := deadline - monotonic()) > 0:
            self._wait(min(left, _DISK_SLICE))
        return self._queued() + self.pending

    def close(self, timeout: float) -> None:
        """Waits up to `timeout` seconds; with a spool only while there is progress."""
        if self._spool is None:
            self.flush(timeout)
            return
        now = since = monotonic()
        deadline, best = now + timeout, 0
        while left := self._queued() + self.pending:
            self._wait(max(0.0, min(deadline - now, _DISK_SLICE)))
            now = monotonic()
            if not best or left < best:
                best, since = left, now
            if now >= deadline or now - since > self._spool.patience:
                return

    def _wait(self, seconds: float) -> None:
        """Waits for the transport, then briefly for the replayer."""
        self._flush_memory(seconds)
        if self.pending and not (self._connection.is_open and self._queued()):
            time.sleep(min(seconds, _DISK_SLICE))

    def _flush_memory(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        while self._connection.is_open:
            self._unpark()
            left = deadline - monotonic()
            if not self._connection.flush(max(0.0, min(left, _SLICE))):
                return
            if not self._queued():
                self._unpark()  # none is parked, but others are accepted again
                return
            if left <= 0:
                return

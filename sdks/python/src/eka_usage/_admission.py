"""Whether an event may be accepted now, and the error if it may not.

Clients check before they number an event, so that one that is rejected leaves no gap.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from ._describe import describe_error
from ._errors import ClientClosedError, EkaError, QueueFullError, SpoolError
from ._interrupts import is_interruption, shared_lock
from ._spool.directory import SpoolFullError


class Admission(Enum):
    """Whether events are accepted."""

    OPEN = "open"
    UNRESERVED = "unreserved"
    """Open, once room on disk is reserved for the first event."""
    QUEUE_FULL = "queue full"
    """Closed until every parked event has left memory."""
    SPOOL_FULL = "spool full"
    """Closed until the spool has room again, even if every parked event has left memory."""
    CLOSED = "closed"


_FULL = frozenset({Admission.QUEUE_FULL, Admission.SPOOL_FULL})


class NotStoredError(BufferError):
    """An event that must be on disk to be accepted cannot be written."""


class Limits(NamedTuple):
    """How much the queue holds."""

    events: int
    bytes: int

    def __str__(self) -> str:
        return f"the limit is {self.events} events or {self.bytes} bytes"


class Gate:
    """Admits events to one outbox, or rejects them.

    Args:
        lock: held during every change; the outbox holds it while it decides on one.
        limits: how much the queue holds.

    Attributes:
        admission: read without the lock by every `record()`.
        last_error: why the spool has no more room; None if it has some.
        last_spill_error: why the last event that was to be spilled was not; None if it was.
    """

    def __init__(self, limits: Limits) -> None:
        self._lock = shared_lock()
        self._limits = limits
        self._reserve: Callable[[], object] | None = None
        self.admission = Admission.OPEN
        self.last_error: Exception | None = None
        self.last_spill_error: Exception | None = None

    def require(self, reserve: Callable[[], object]) -> None:
        """Accepts nothing until `reserve` has made room on disk, since every event needs some."""
        self._reserve = reserve
        self.admission = Admission.UNRESERVED

    def reserve(self) -> None:
        """Reserves room on disk for the first event, if every event needs some."""
        with self._lock:
            if self.admission is Admission.UNRESERVED and self._reserve is not None:
                try:
                    self._reserve()
                except Exception as error:
                    if is_interruption(error):
                        raise
                    self.spool_changed(error, is_needed=True)

    def reject_reason(self) -> EkaError | None:
        """Returns why no event can be accepted; None if one can be after all."""
        if self.admission is Admission.UNRESERVED:
            self.reserve()
        admission = self.admission
        if admission is Admission.CLOSED:
            return ClientClosedError.of("client.closed")
        return self.full() if admission in _FULL else None

    def close(self) -> None:
        """Accepts nothing from now on."""
        with self._lock:
            self.admission = Admission.CLOSED

    def queue_filled(self) -> None:
        """Accepts nothing until `queue_drained()`."""
        with self._lock:
            if self.admission is Admission.OPEN:
                self.admission = Admission.QUEUE_FULL

    def queue_drained(self) -> None:
        """Accepts events again, unless another reason not to remains."""
        with self._lock:
            if self.admission is Admission.QUEUE_FULL:
                self.admission = Admission.OPEN

    def spool_changed(self, error: Exception | None, *, is_needed: bool) -> None:
        """Records why the spool has no more room, or with None that it has some.

        Args:
            error: why it has no more room.
            is_needed: whether the next event has to go to disk.
        """
        with self._lock:
            self.last_error = error
            if error is None:
                if self.admission in {Admission.UNRESERVED, Admission.SPOOL_FULL}:
                    self.admission = Admission.OPEN
            elif is_needed and self.admission in {Admission.UNRESERVED, Admission.OPEN}:
                self.admission = Admission.SPOOL_FULL

    def full(self) -> EkaError:
        """Returns why there is no room for an event."""
        return self.no_room(self.last_error or self.last_spill_error)

    def no_room(self, error: Exception | None) -> EkaError:
        """Returns the error for events that this keeps from the disk; None if only memory is."""
        if isinstance(error, SpoolFullError):
            return SpoolError.of("spool.full", hint=str(error))
        if error is None or self._reserve is None:
            return QueueFullError.of("queue.full", hint=str(self._limits))
        return SpoolError.of("spool.failed", hint=describe_error(error))

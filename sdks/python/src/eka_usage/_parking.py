"""Numbered events that found no room; while they wait in memory, no other event is accepted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ._admission import Gate
from ._interrupts import shared_lock
from ._spool.segment_writer import AckGroup


class Parked(NamedTuple):
    """An event that found no room, and its group if it is on disk nevertheless."""

    key: str
    value: str
    group: AckGroup | None = None


class Parking:
    """Holds parked events in order.

    Args:
        lock: held while an event is added or removed.
        gate: closed while any event is parked.
    """

    def __init__(self, gate: Gate) -> None:
        self._lock = shared_lock()
        self._gate = gate
        self._events: deque[Parked] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def park(self, parked: Parked) -> None:
        """Adds an event."""
        with self._lock:
            self._events.append(parked)
            self._gate.queue_filled()

    def unpark(self, send: Callable[[Parked], None]) -> None:
        """Sends events in order, until `send` raises BufferError because there is no room."""
        with self._lock:
            for _ in range(len(self._events)):
                try:
                    send(self._events[0])
                except BufferError:
                    return
                self._events.popleft()
            if not self._events:
                self._gate.queue_drained()

    def clear(self, abandon: Callable[[Parked], None]) -> None:
        """Gives up every event."""
        with self._lock:
            while self._events:
                abandon(self._events.popleft())

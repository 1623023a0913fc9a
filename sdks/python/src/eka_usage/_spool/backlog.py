"""The client's own events that wait on disk until Kafka takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from .._interrupts import is_interruption, shared_lock
from .directory import Directory, SpoolFullError
from .origin import Origin
from .record import Member, Record
from .segment import Segment
from .segment_log import SegmentLog
from .segment_name import EVENTS, UNOWNED
from .tuning import Tuning


class Backlog:
    """Holds requeued events, and behind them those that were spilled meanwhile.

    Args:
        fsync_each: whether each event is synced before `spill` or `requeue` returns.
        on_room_changed: receives why there is no more room, and None once there is some.
    """

    def __init__(
        self,
        directory: Directory,
        origin: Origin,
        tuning: Tuning,
        *,
        fsync_each: bool,
        on_room_changed: Callable[[SpoolFullError | OSError | None], object],
    ) -> None:
        # What was in memory was accepted before whatever was spilled.
        self._requeued = SegmentLog(
            directory,
            origin,
            EVENTS,
            tuning,
            on_lost=self._lose,
            fsync_each=fsync_each,
            goes_first=True,
        )
        self._spilled = SegmentLog(
            directory,
            origin,
            EVENTS,
            tuning,
            on_room_changed=on_room_changed,
            on_lost=self._lose,
            fsync_each=fsync_each,
        )
        self.logs = (self._requeued, self._spilled)
        self._unread: deque[Segment] = deque()
        self._lock = shared_lock()
        # How many events came to the disk otherwise than by an append to these logs, less those
        # that have left it.
        self._balance = 0
        # How many of them other processes have adopted.
        self._lost = 0

    @property
    def spooled(self) -> int:
        """How many of the accepted events are on disk and not in flight from memory."""
        with self._lock:
            return self._balance + self.appended

    @property
    def appended(self) -> int:
        """How many events were appended here."""
        return self._requeued.appended + self._spilled.appended

    @property
    def pending(self) -> int:
        """How many events this client is to replay."""
        return self.spooled - self._lost

    def spill(self, key: bytes, event: bytes) -> None:
        """Appends an event behind all others.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        self._spilled.append(key, event)

    def spill_group(self, members: Sequence[Member], body: bytes) -> None:
        """Appends several events, all of which exist on disk or none; see `spill`."""
        self._spilled.append_group(members, body)

    def reserve(self, size: int) -> None:
        """Makes room for a group of so many bytes; see `SegmentLog.reserve`."""
        self._spilled.reserve(size)

    def requeue(self, key: bytes, event: bytes) -> None:
        """Appends an event that was not delivered from memory, ahead of those that were spilled.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        try:
            self._requeued.append(key, event)
        except (SpoolFullError, OSError) as error:  # for another segment; this one may have room
            if is_interruption(error):
                raise
            self._spilled.append(key, event)

    def count(self, events: int) -> None:
        """Counts events that are on disk and not in flight from memory, or no longer on disk."""
        with self._lock:
            self._balance += events

    def pop_oldest(self) -> Segment | None:
        """Returns the segment to replay next, to which nothing is appended any more."""
        segment = self._requeued.pop_oldest() or self._spilled.pop_oldest()
        if segment is None and self._unread:
            segment = self._unread.popleft()
        if segment is None or segment.is_own():
            return segment
        self._lose(sum(isinstance(item, Record) for item in segment.read()))
        return None

    def put_back(self, segment: Segment) -> None:
        """Receives a segment that could not be read, to be returned again after all others."""
        self._unread.append(segment)

    def unread(self) -> list[Segment]:
        """Returns the segments that could not be read."""
        return list(self._unread)

    def segments(self) -> list[Segment]:
        """Returns the segments that this client owns for the backlog."""
        return [*(segment for log in self.logs for segment in log.segments()), *self._unread]

    def release(self) -> None:
        """Leaves the segments that could not be read to the next process."""
        while self._unread:
            self._unread.popleft().transfer_to(UNOWNED)

    def preallocate(self) -> None:
        """Preallocates the next segment of spilled events."""
        self._spilled.preallocate()

    def discard_preallocated(self) -> None:
        """Removes what was preallocated, as nothing is pending."""
        for log in self.logs:
            log.discard_preallocated()

    def _lose(self, events: int) -> None:
        with self._lock:
            self._lost += events

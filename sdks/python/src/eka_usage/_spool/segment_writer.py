"""The state of a segment in the memory of the process that writes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from mmap import mmap
from typing import Any

from .._count import Count
from .._generated.spool import HEADER_BYTES
from .segment import Segment


class AckGroup:
    """Consecutive records that are marked as acknowledged together.

    Attributes:
        end: the offset at which the last of them ends.
        size: how many there are.
        mark_acked: called once for each record that needs no replay.
        report: what the transport calls about each record.
        unreported: how many of them it may never call it about, as calls were interrupted.
        is_lost: whether their segment was removed, and could not be written anew.
    """

    __slots__ = ("_acked", "end", "is_lost", "mark_acked", "report", "size", "unreported")

    def __init__(self, report_of: Callable[[AckGroup], Any]) -> None:
        self.size = 0
        self.end = 0
        self.unreported = 0
        self.is_lost = False
        self._acked = Count()
        self.mark_acked: Callable[[], int] = self._acked.next
        self.report = report_of(self)

    @property
    def unacked(self) -> int:
        """How many records are not acknowledged."""
        return self.size - self._acked.last

    def is_acked(self, is_idle: bool) -> bool:
        """Reports whether no record needs a replay.

        Args:
            is_idle: whether the transport has reported about every record that it ever will.
        """
        unacked = self.unacked
        return unacked <= 0 or (is_idle and unacked <= self.unreported)


class SegmentWriter:
    """A segment that this process writes, and the groups of its records.

    Attributes:
        end: the offset at which the last record ends.
        count: how many records there are.
        synced_end: how far the disk has it.
        is_sealed: whether no further record is appended.
        is_released: whether this client fenced it itself, after all that it wrote.
        was_interrupted: whether a call that writes into it was interrupted, and may go on.
    """

    __slots__ = (
        "count",
        "end",
        "groups",
        "is_released",
        "is_sealed",
        "map",
        "segment",
        "synced_end",
        "was_interrupted",
    )

    def __init__(self, segment: Segment, size: int, first: AckGroup) -> None:
        self.segment = segment
        self.map: mmap = segment.map(size)
        self.end = self.synced_end = HEADER_BYTES
        self.count = 0
        self.groups = deque([first])
        self.is_sealed = False
        self.is_released = False
        self.was_interrupted = False

    @property
    def unacked(self) -> int:
        """How many of its records are not acknowledged."""
        return sum(group.unacked for group in self.groups)

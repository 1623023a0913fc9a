"""Makes what was written survive a power failure."""

from __future__ import annotations

from collections.abc import Iterable

from .._generated.spool import HEADER_BYTES
from .directory import Directory
from .segment_writer import SegmentWriter


class Syncer:
    """Calls fsync for the segments of one log.

    Args:
        directory: where they are.
        fsync_each: whether each record is synced before `append` returns.
    """

    def __init__(self, directory: Directory, *, fsync_each: bool) -> None:
        self._directory = directory
        self.fsync_each = fsync_each

    def sync(self, writer: SegmentWriter) -> None:
        """Waits until the disk has every record of a segment."""
        end = writer.end
        if writer.synced_end == HEADER_BYTES:
            self._directory.sync()  # the segment has its final name by then
        writer.segment.sync()
        writer.synced_end = end

    def sync_all(self, writers: Iterable[SegmentWriter]) -> None:
        """Waits until the disk has every record of these segments."""
        for writer in writers:
            if writer.synced_end < writer.end:
                self.sync(writer)

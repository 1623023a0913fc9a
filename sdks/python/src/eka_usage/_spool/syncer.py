"""Makes what was written survive a power failure."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from .._describe import describe_error
from .._generated.spool import HEADER_BYTES
from .._reporting import RateLimitedLog
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
        self._log = RateLimitedLog()

    def sync_each(self, writer: SegmentWriter) -> None:
        """Waits until the disk has a record that was just written, if `fsync_each` is set.

        Logs an error instead of raising it: the record is written, so that this process or the next
        delivers it, and a caller that keeps the event too would deliver it twice.
        """
        if not self.fsync_each:
            return
        try:
            self.sync(writer)
        except OSError as error:
            text = f"spool sync failed, a power failure may lose events: {describe_error(error)}"
            self._log.log(logging.ERROR, "sync", text)

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

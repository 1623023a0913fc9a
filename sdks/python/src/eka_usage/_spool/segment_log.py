"""A client's segments in order; another process may adopt one at any moment."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from .directory import Directory, SpoolFullError
from .header import FENCED_AT
from .origin import Origin
from .record import encode_record, key_prefix, record_salt
from .segment import Segment
from .segment_name import UNOWNED
from .segment_writer import AckGroup, SegmentWriter
from .syncer import Syncer
from .tuning import Tuning

_MAX_KEYS: Final = 10_000


class SegmentLog:
    """Appends to one segment at a time, and preallocates the next one.

    Args:
        kind: what the segments are named.
        report_of: returns what a transport calls about the records of a group.
        on_room_changed: receives why no further segment can be made, and None once one can.
        on_lost: receives how many records another process has taken.
        fsync_each: whether each record is synced before `append` returns.
        goes_first: whether its segments come before those of the client's other logs.
    """

    def __init__(
        self,
        directory: Directory,
        origin: Origin,
        kind: str,
        tuning: Tuning,
        *,
        report_of: Callable[[AckGroup], Any] = lambda _: None,
        on_room_changed: Callable[[SpoolFullError | OSError | None], object] = lambda _: None,
        on_lost: Callable[[int], object] = lambda _: None,
        fsync_each: bool = False,
        goes_first: bool = False,
    ) -> None:
        self._directory = directory
        self._origin = origin
        self._kind = kind
        self._tuning = tuning
        self._report_of = report_of
        self._on_room_changed = on_room_changed
        self._on_lost = on_lost
        self._goes_first = goes_first
        self._syncer = Syncer(directory, fsync_each=fsync_each)
        self._salt = record_salt(bytes.fromhex(origin.id))
        self._prefixes: dict[bytes, bytes] = {}
        # A signal handler may append while its own thread is appending.
        self._lock = threading.RLock()
        self._barrier = threading.RLock()
        # Held while a segment is preallocated or taken, so that other threads wait for it
        # instead of making another; taken inside `_lock`, never the other way round.
        self._allocating = threading.RLock()
        self._is_writing = False
        self._writer: SegmentWriter | None = None
        self._writers: deque[SegmentWriter] = deque()
        self._preallocated: Segment | None = None
        self._low_water = -1
        # Whether a next segment is to be preallocated.
        self._preallocates = False

    def append(self, key: bytes, event: bytes) -> AckGroup:
        """Writes one record.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        prefix = self._prefixes.get(key) or self._prefix(key)
        content = encode_record(prefix + event, self._salt)
        while True:
            with self._lock:
                writer = self._writer
                if (
                    writer is None
                    or self._is_writing
                    or (end := writer.end + len(content)) > self._tuning.segment_bytes
                ):
                    writer = self._roll(event)
                    end = writer.end + len(content)
                self._is_writing = True
                writer.map[writer.end : end] = content
                writer.end = end
                group = writer.groups[-1]
                group.end = end
                group.size += 1
                if group.size >= self._tuning.group_events:
                    writer.groups.append(AckGroup(self._report_of))
                self._is_writing = False
            # To leave one lock and take another is a full barrier.
            with self._barrier:
                is_fenced = writer.map[FENCED_AT]
            if not is_fenced or writer.is_released:
                break
            group.mark_acked()  # it counts as not written
            self._abandon(writer)
        if end > self._low_water and self._preallocated is None:
            self.preallocate()
        self._syncer.sync_each(writer)
        return group

    def ensure_headroom(self) -> None:
        """Makes the first segment before it is needed, or reports why it cannot."""
        self._preallocates = True
        self.preallocate()

    def preallocate(self) -> None:
        """Preallocates the next segment, once one was needed, or reports why it cannot."""
        with self._lock:
            writer = self._writer
            room = 0 if writer is None else self._tuning.segment_bytes - writer.end
        # One thread makes it for all.
        if not self._preallocates or not self._allocating.acquire(blocking=False):
            return
        error: SpoolFullError | OSError | None = None
        try:
            if self._preallocated is None:
                self._keep_preallocated(self._create())
        except (SpoolFullError, OSError) as raised:
            error = raised if room < self._tuning.headroom_bytes else None
        finally:
            self._allocating.release()
        self._on_room_changed(error)

    def discard_preallocated(self) -> None:
        """Removes what was preallocated while the log is empty, until the next event."""
        with self._lock:
            if self._writers:
                return
            self._discard_preallocated()
        self._on_room_changed(None)

    def prune(self) -> None:
        """Marks what is acknowledged, and removes segments that need no replay."""
        for writer in list(self._writers):
            acked_offset = 0
            with self._lock:
                last = writer.groups[-1]
                if last.size and not last.unacked:
                    writer.groups.append(AckGroup(self._report_of))
                while len(writer.groups) > 1 and not writer.groups[0].unacked:
                    acked_offset = writer.groups.popleft().end
            if acked_offset:
                writer.segment.write_acked_offset(acked_offset)
            if writer.is_sealed and not writer.unacked:
                writer.segment.remove()
                self._writers.remove(writer)

    def pop_oldest(self) -> Segment | None:
        """Removes the oldest segment from the log, ends appending to it, and returns it."""
        with self._lock:
            if not self._writers:
                return None
            writer = self._writers[0]
            if writer is self._writer:
                self._seal()
            self._writers.popleft()
        if not writer.was_interrupted:
            writer.segment.truncate(writer.end)
        return writer.segment

    def sync(self) -> None:
        """Waits until the disk has every record."""
        self._syncer.sync_all(list(self._writers))

    def segments(self) -> list[Segment]:
        """Returns the segments that this client owns for this log."""
        owned = [writer.segment for writer in list(self._writers)]
        preallocated = self._preallocated
        return owned if preallocated is None else [*owned, preallocated]

    def release(self) -> None:
        """Leaves what is not acknowledged to the next process."""
        with self._lock:
            self._seal()
            self._discard_preallocated()
        self.prune()
        while self._writers:
            writer = self._writers.popleft()
            with self._lock:
                # An interrupted call writes there once more, and has to see that it was too late.
                writer.is_released = not writer.was_interrupted and not writer.map[FENCED_AT]
                writer.segment.fence()
            if not writer.was_interrupted:
                writer.segment.truncate(writer.end)
            writer.segment.sync()
            writer.segment.transfer_to(UNOWNED)

    def _prefix(self, key: bytes) -> bytes:
        if len(self._prefixes) >= _MAX_KEYS:
            self._prefixes.clear()
        self._prefixes[key] = prefix = key_prefix(key)
        return prefix

    def _roll(self, event: bytes) -> SegmentWriter:
        """Begins the next segment."""
        header = self._origin.header(event)
        if self._goes_first:
            header = header._replace(first_seq=1)
        while not (segment := self._next_segment()).number_from(header.first_seq):
            # Another process adopted it, or a copy of this one has a file of that name.
            segment.remove()
        segment.write_header(header)
        self._seal()
        first = AckGroup(self._report_of)
        self._writer = writer = SegmentWriter(segment, self._tuning.segment_bytes, first)
        self._writers.append(writer)
        self._low_water = self._tuning.segment_bytes - self._tuning.headroom_bytes
        return writer

    def _next_segment(self) -> Segment:
        """Returns the segment that was preallocated, or one that is made now."""
        with self._allocating:
            self._preallocates = True
            preallocated, self._preallocated = self._preallocated, None
            return preallocated or self._create()

    def _keep_preallocated(self, segment: Segment) -> None:
        """Keeps a segment for later, unless a signal handler has made it needless meanwhile."""
        if self._preallocates and self._preallocated is None:
            self._preallocated = segment
        else:
            segment.remove()

    def _discard_preallocated(self) -> None:
        with self._allocating:
            self._preallocates = False
            preallocated, self._preallocated = self._preallocated, None
            if preallocated is not None:
                preallocated.remove()

    def _seal(self) -> None:
        writer, self._writer = self._writer, None
        was_writing, self._is_writing = self._is_writing, False
        if writer is not None:
            writer.is_sealed = True
            writer.was_interrupted = was_writing

    def _abandon(self, writer: SegmentWriter) -> None:
        """Leaves a segment that another process took, or that a signal handler has sealed."""
        with self._lock:
            if self._writer is writer:
                self._seal()
            if writer.segment.exists() or writer not in self._writers:
                return
            self._writers.remove(writer)
        self._on_lost(writer.unacked)

    def _create(self) -> Segment:
        while True:
            name = self._origin.name(self._kind)
            with suppress(FileExistsError):  # a copy of this process was first
                return self._directory.create(name, self._tuning.segment_bytes)

"""A client's segments in order; another process may adopt one at any moment."""

from __future__ import annotations

import _thread  # noqa: PLC2701  its functions, unlike those of threading, are reentrant
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from .._generated.spool import HEADER_BYTES
from .._interrupts import is_interruption, is_nested, shared_lock
from .directory import Directory, SpoolFullError
from .header import FENCED_AT
from .origin import Origin
from .record import Member, encode_record, key_prefix, record_bytes, record_salt
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
        is_idle: reports whether the transport has reported about every record.
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
        is_idle: Callable[[], bool] = lambda: True,
        fsync_each: bool = False,
        goes_first: bool = False,
    ) -> None:
        self._directory = directory
        self._origin = origin
        self._kind = kind
        self._tuning = tuning
        self._segment_bytes, self._group_events = tuning.segment_bytes, tuning.group_events
        self._report_of = report_of
        self._on_room_changed = on_room_changed
        self._on_lost = on_lost
        self._is_idle = is_idle
        self._goes_first = goes_first
        self._syncer = Syncer(directory, fsync_each=fsync_each)
        self._salt = record_salt(bytes.fromhex(origin.id))
        self._prefixes: dict[bytes, bytes] = {}
        # A signal handler may append while its own thread is appending.
        self._lock = shared_lock()
        self._is_writing = False
        self._writer: SegmentWriter | None = None
        self._writers: deque[SegmentWriter] = deque()
        self._preallocated: Segment | None = None
        # How many records the writers had that are not in the deque any more.
        self._dropped = 0
        self._was_idle = False
        self._low_water = -1
        # Whether a next segment is to be preallocated.
        self._preallocates = False

    def append(self, key: bytes, event: bytes, group_body: bytes = b"", count: int = 1) -> AckGroup:
        """Writes one record.

        Args:
            key: the event's key.
            event: the event; of a group its first.
            group_body: for a group record, all that it holds.
            count: how many events those are.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        body = group_body or (self._prefixes.get(key) or self._prefix(key)) + event
        content = encode_record(body, self._salt)
        size, limit = len(content), self._segment_bytes
        while True:
            with self._lock:
                writer = self._writer
                if writer is None or self._is_writing or writer.end + size > limit:
                    writer = self._roll(event)
                before = None
                try:
                    self._is_writing = True
                    start = writer.end
                    end = start + size
                    if writer is not self._writer or end > limit:
                        self._is_writing = False  # a signal handler has appended meanwhile
                        continue
                    group = writer.groups[-1]
                    before = group, start, writer.count, group.end, group.size
                    writer.map[start:end] = content
                    writer.end = end
                    writer.count += count
                    group.end = end
                    group.size += count
                    if group.size >= self._group_events:
                        writer.groups.append(AckGroup(self._report_of))
                    self._is_writing = False
                except BaseException:
                    # The caller appends it again, so that it is counted as often as it is there.
                    if before is not None:
                        group, writer.end, writer.count, group.end, group.size = before
                        writer.map[writer.end : writer.end + size] = bytes(size)
                    self._is_writing = False
                    raise
            # Orders what was written before what is read next, for a process on another core.
            barrier = _thread.allocate_lock()
            barrier.acquire()
            barrier.release()
            barrier.acquire()
            if not writer.map[FENCED_AT] or writer.is_released:
                break
            self._abandon(writer, group, count)
        if end > self._low_water and self._preallocated is None:
            self.preallocate()
        if self._syncer.fsync_each:
            self._syncer.sync_each(writer)
        return group

    def append_group(self, members: Sequence[Member], body: bytes) -> AckGroup:
        """Writes one record of these events, all of which exist or none; see `append`."""
        if len(members) == 1:
            return self.append(*members[0])
        self._check_fits(record_bytes(body))
        return self.append(*members[0], body, len(members))

    def reserve(self, size: int) -> None:
        """Makes room for a record of so many bytes, until the next one is appended.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        with self._lock:
            self._check_fits(size)
            writer = self._writer
            if writer is not None and writer.end + size <= self._segment_bytes:
                return
            self._preallocates = True
            if self._preallocated is None:
                self._keep_preallocated(self._create())

    def ensure_headroom(self) -> None:
        """Makes the first segment before it is needed, or reports why it cannot."""
        self._preallocates = True
        self.preallocate()

    def preallocate(self) -> None:
        """Preallocates the next segment, once one was needed, or reports why it cannot."""
        error: SpoolFullError | OSError | None = None
        with self._lock:
            if not self._preallocates:
                return
            writer = self._writer
            room = 0 if writer is None else self._tuning.segment_bytes - writer.end
            try:
                if self._preallocated is None:
                    self._keep_preallocated(self._create())
            except (SpoolFullError, OSError) as raised:
                if is_interruption(raised):
                    raise
                error = raised if room < self._tuning.headroom_bytes else None
        self._on_room_changed(error)

    def discard_preallocated(self) -> None:
        """Removes what was preallocated while the log is empty, until the next event."""
        with self._lock:
            if self._writers:
                return
            self._discard_preallocated()
        self._on_room_changed(None)

    def prune(self, *, is_interrupting: bool = False) -> None:
        """Marks what is acknowledged, and removes segments that need no replay.

        Args:
            is_interrupting: whether a call that still writes may have been interrupted for this.
        """
        was_idle, self._was_idle = self._was_idle, self._is_idle()
        is_idle = was_idle and self._was_idle
        for writer in list(self._writers):
            acked_offset = 0
            with self._lock:
                last = writer.groups[-1]
                if last.size and last.is_acked(is_idle):
                    writer.groups.append(AckGroup(self._report_of))
                while len(writer.groups) > 1 and writer.groups[0].is_acked(is_idle):
                    acked_offset = writer.groups.popleft().end
            if acked_offset:
                writer.segment.write_acked_offset(acked_offset)
            is_written = is_interrupting and writer.was_interrupted
            if writer.is_sealed and not writer.unacked and not is_written:
                writer.segment.remove()
                self._drop(writer)

    def pop_oldest(self) -> Segment | None:
        """Removes the oldest segment from the log, ends appending to it, and returns it."""
        with self._lock:
            if not self._writers:
                return None
            writer = self._writers[0]
            if writer is self._writer:
                self._seal()
            self._drop(writer)
        if not writer.was_interrupted:
            with suppress(OSError):  # it only takes more space than it needs
                writer.segment.truncate(writer.end)
        return writer.segment

    def interrupted(self, events: int) -> None:
        """Records that of each group so many records may never be reported as delivered."""
        with self._lock:
            for writer in self._writers:
                for group in writer.groups:
                    group.unreported += events

    @property
    def appended(self) -> int:
        """How many records were appended, wherever their segments are now."""
        with self._lock:
            return self._dropped + sum(writer.count for writer in self._writers)

    def sync(self) -> None:
        """Waits until the disk has every record."""
        self._syncer.sync_all(list(self._writers))

    def segments(self) -> list[Segment]:
        """Returns the segments that this client owns for this log."""
        owned = [writer.segment for writer in list(self._writers)]
        preallocated = self._preallocated
        return owned if preallocated is None else [*owned, preallocated]

    def restore(self) -> None:
        """Writes segments anew whose files were removed; see `Segment.is_removed`.

        Raises:
            OSError: the disk cannot be written. Nothing is appended to such a segment any more.
        """
        failed: OSError | None = None
        with self._lock:
            preallocated = self._preallocated
            if preallocated is not None and preallocated.is_removed():
                self._preallocated = None
                preallocated.remove()
        for writer in list(self._writers):
            with self._lock:
                if writer not in self._writers or not writer.segment.is_removed():
                    continue
                try:
                    if failed is None:
                        self._restore(writer)
                except OSError as error:
                    failed = error
                if failed is not None and writer is self._writer:
                    self._seal()
                for group in writer.groups:
                    group.is_lost = failed is not None
        if failed is not None:
            raise failed

    def _restore(self, writer: SegmentWriter) -> None:
        if writer.segment.restore():
            writer.map = writer.segment.map(self._segment_bytes)
            writer.synced_end = HEADER_BYTES

    def release(self) -> None:
        """Leaves what is not acknowledged to the next process."""
        is_interrupting = is_nested()
        with self._lock:
            self._seal()
            self._discard_preallocated()
        self.prune(is_interrupting=is_interrupting)
        while self._writers:
            writer = self._writers[0]
            with self._lock:
                self._drop(writer)
                # An interrupted call writes there once more, and has to see that it was too late.
                is_last = not writer.was_interrupted and not is_interrupting
                writer.is_released = is_last and not writer.map[FENCED_AT]
                writer.segment.fence()
            if is_last:
                writer.segment.truncate(writer.end)
            writer.segment.sync()
            writer.segment.transfer_to(UNOWNED)

    def _check_fits(self, size: int) -> None:
        if HEADER_BYTES + size > self._segment_bytes:
            raise SpoolFullError(f"a group of {size} bytes is longer than a segment")

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
        writer = SegmentWriter(segment, self._tuning.segment_bytes, first)
        self._writers.append(writer)  # first, as nothing looks for a writer elsewhere
        self._writer = writer
        self._low_water = self._tuning.segment_bytes - self._tuning.headroom_bytes
        return writer

    def _next_segment(self) -> Segment:
        """Returns the segment that was preallocated, or one that is made now."""
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

    def _abandon(self, writer: SegmentWriter, group: AckGroup, events: int) -> None:
        """Leaves a segment that another process took, or that a signal handler has sealed.

        The last record, of so many events, counts as not written.
        """
        for _ in range(events):
            group.mark_acked()
        with self._lock:
            if self._writer is writer:
                self._seal()
            if writer in self._writers:
                writer.count -= events
            if writer.segment.is_own() or writer not in self._writers:
                return
            self._drop(writer)
        self._on_lost(writer.unacked)

    def _drop(self, writer: SegmentWriter) -> None:
        self._dropped += writer.count
        self._writers.remove(writer)

    def _create(self) -> Segment:
        while True:
            name = self._origin.name(self._kind)
            with suppress(FileExistsError):  # a copy of this process was first
                return self._directory.create(name, self._tuning.segment_bytes)

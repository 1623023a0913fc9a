"""Records appended to a chain of segments, whoever may take a segment for abandoned meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from mmap import mmap
from typing import Any, Final

from .._count import Count
from .._generated.spool import HEADER_BYTES
from .directory import Directory, Full
from .header import CLOSED_AT
from .origin import Origin
from .record import encode_record, key_prefix, record_salt
from .segment import Segment
from .segment_name import UNOWNED
from .tuning import Tuning

_MOST_KEYS: Final = 10_000
Trouble = Full | OSError


class Group:
    """Records in a row that are marked as done together.

    Attributes:
        end: where the last of them ends.
        size: how many there are.
        done: called once for each that is done.
        report: what the transport calls about each.
    """

    __slots__ = ("_done", "done", "end", "report", "size")

    def __init__(self, report_of: Callable[[Group], Any]) -> None:
        self.size = 0
        self.end = 0
        self._done = Count()
        self.done: Callable[[], int] = self._done.next
        self.report = report_of(self)

    @property
    def left(self) -> int:
        """How many are not done."""
        return self.size - self._done.given_out


class Page:
    """A segment of the chain, in memory."""

    __slots__ = ("cut_short", "end", "ended", "groups", "map", "sealed", "segment", "synced")

    def __init__(self, segment: Segment, size: int, first: Group) -> None:
        self.segment = segment
        self.map: mmap = segment.map(size)
        self.end = self.synced = HEADER_BYTES
        self.groups = deque([first])
        self.sealed = False
        # Whether it was this client that ended it, after all that it wrote.
        self.ended = False
        # Whether a call that writes into it was interrupted, and may go on.
        self.cut_short = False

    @property
    def left(self) -> int:
        """How many of its records are not done."""
        return sum(group.left for group in self.groups)


class Journal:
    """Appends to one segment at a time, and makes the next one ahead.

    Args:
        kind: what the segments are named.
        report_of: what a transport calls about the records of a group.
        on_trouble: told why no further segment can be made, and by None that one can again.
        on_lost: told how many records somebody else has taken.
        durable: whether each record is synced before `append` returns.
        first: whether its segments come before those of the client's other journals.
    """

    def __init__(
        self,
        directory: Directory,
        origin: Origin,
        kind: str,
        tuning: Tuning,
        *,
        report_of: Callable[[Group], Any] = lambda _: None,
        on_trouble: Callable[[Trouble | None], object] = lambda _: None,
        on_lost: Callable[[int], object] = lambda _: None,
        durable: bool = False,
        first: bool = False,
    ) -> None:
        self._directory = directory
        self._origin = origin
        self._kind = kind
        self._tuning = tuning
        self._report_of = report_of
        self._on_trouble = on_trouble
        self._on_lost = on_lost
        self._durable = durable
        self._first = first
        self._salt = record_salt(bytes.fromhex(origin.id))
        self._starts: dict[bytes, bytes] = {}
        # A signal handler may append while its own thread is appending.
        self._lock = threading.RLock()
        self._fence = threading.RLock()
        # Held while a segment is made ahead or taken, so that who needs one waits for it in place
        # of making another; taken inside `_lock`, never the other way round.
        self._making = threading.RLock()
        self._busy = False
        self._page: Page | None = None
        self._pages: deque[Page] = deque()
        self._spare: Segment | None = None
        self._low = -1
        # Whether a next segment is to be made ahead.
        self._wanted = False

    def append(self, key: bytes, event: bytes) -> Group:
        """Writes one record.

        Raises:
            Full: there is no room for it.
            OSError: the disk cannot be written.
        """
        start = self._starts.get(key) or self._start(key)
        content = encode_record(start + event, self._salt)
        while True:
            with self._lock:
                page = self._page
                if (
                    page is None
                    or self._busy
                    or (end := page.end + len(content)) > self._tuning.segment_bytes
                ):
                    page = self._turn(event)
                    end = page.end + len(content)
                self._busy = True
                page.map[page.end : end] = content
                page.end = end
                group = page.groups[-1]
                group.end = end
                group.size += 1
                if group.size >= self._tuning.group_events:
                    page.groups.append(Group(self._report_of))
                self._busy = False
            # To leave one lock and take another is a full barrier.
            with self._fence:
                closed = page.map[CLOSED_AT]
            if not closed or page.ended:
                break
            group.done()  # it counts as not written
            self._leave(page)
        if end > self._low and self._spare is None:
            self.prepare()
        if self._durable:
            self._sync(page)
        return group

    def reserve(self) -> None:
        """Makes the first segment before it is needed, or says why it cannot."""
        self._wanted = True
        self.prepare()

    def prepare(self) -> None:
        """Makes the next segment ahead, once there was need of one, or says why it cannot."""
        with self._lock:
            page = self._page
            room = 0 if page is None else self._tuning.segment_bytes - page.end
        # Who makes one already does it for all.
        if not self._wanted or not self._making.acquire(blocking=False):
            return
        trouble: Trouble | None = None
        try:
            if self._spare is None:
                self._stock(self._made())
        except (Full, OSError) as error:
            trouble = error if room < self._tuning.headroom_bytes else None
        finally:
            self._making.release()
        self._on_trouble(trouble)

    def advance(self) -> None:
        """Marks and removes what is done."""
        for page in list(self._pages):
            acked = 0
            with self._lock:
                last = page.groups[-1]
                if last.size and not last.left:
                    page.groups.append(Group(self._report_of))
                while len(page.groups) > 1 and not page.groups[0].left:
                    acked = page.groups.popleft().end
            if acked:
                page.segment.ack(acked)
            if page.sealed and not page.left:
                page.segment.remove()
                self._pages.remove(page)

    def take(self) -> Segment | None:
        """Gives the oldest segment away, to which nothing is appended any more."""
        with self._lock:
            if not self._pages:
                return None
            page = self._pages[0]
            if page is self._page:
                self._seal()
            self._pages.popleft()
        if not page.cut_short:
            page.segment.cut(page.end)
        return page.segment

    def sync(self) -> None:
        """Waits until the disk has every record."""
        for page in list(self._pages):
            if page.synced < page.end:
                self._sync(page)

    def segments(self) -> list[Segment]:
        """Those that this client owns for this journal."""
        owned, spare = [page.segment for page in list(self._pages)], self._spare
        return owned if spare is None else [*owned, spare]

    def rest(self) -> None:
        """Gives back what was made ahead, until the next event."""
        with self._lock:
            if self._pages:
                return
            self._want_none()
        self._on_trouble(None)

    def release(self) -> None:
        """Leaves what is not done to whoever comes next."""
        with self._lock:
            self._seal()
            self._want_none()
        self.advance()
        while self._pages:
            page = self._pages.popleft()
            with self._lock:
                # An interrupted call writes there once more, and has to see that it was too late.
                page.ended = not page.cut_short and not page.map[CLOSED_AT]
                page.segment.end_appends()
            if not page.cut_short:
                page.segment.cut(page.end)
            page.segment.sync()
            page.segment.hand_to(UNOWNED)

    def _sync(self, page: Page) -> None:
        end = page.end
        if page.synced == HEADER_BYTES:
            self._directory.sync()  # which knows its name by then
        page.segment.sync()
        page.synced = end

    def _start(self, key: bytes) -> bytes:
        if len(self._starts) >= _MOST_KEYS:
            self._starts.clear()
        self._starts[key] = start = key_prefix(key)
        return start

    def _turn(self, event: bytes) -> Page:
        """Begins the next segment."""
        header = self._origin.header(event)
        if self._first:
            header = header._replace(first_seq=1)
        while not (segment := self._next()).number_from(header.first_seq):
            pass  # somebody took it for abandoned
        segment.begin(header)
        self._seal()
        first = Group(self._report_of)
        self._page = page = Page(segment, self._tuning.segment_bytes, first)
        self._pages.append(page)
        self._low = self._tuning.segment_bytes - self._tuning.headroom_bytes
        return page

    def _next(self) -> Segment:
        """The segment that was made ahead, or one that is made now."""
        with self._making:
            self._wanted = True
            spare, self._spare = self._spare, None
            return spare or self._made()

    def _stock(self, made: Segment) -> None:
        """Keeps a segment for later, unless a signal handler has made it needless meanwhile."""
        if self._wanted and self._spare is None:
            self._spare = made
        else:
            made.remove()

    def _want_none(self) -> None:
        """Makes nothing ahead any more, and gives back what was."""
        with self._making:
            self._wanted = False
            spare, self._spare = self._spare, None
            if spare is not None:
                spare.remove()

    def _seal(self) -> None:
        page, self._page = self._page, None
        busy, self._busy = self._busy, False
        if page is not None:
            page.sealed = True
            page.cut_short = busy

    def _leave(self, page: Page) -> None:
        """Somebody else has taken the segment, or a signal handler has begun another."""
        with self._lock:
            if self._page is page:
                self._seal()
            if page.segment.is_mine() or page not in self._pages:
                return
            self._pages.remove(page)
        self._on_lost(page.left)

    def _made(self) -> Segment:
        return self._directory.create(self._origin.name(self._kind), self._tuning.segment_bytes)

"""The spool of one client: what it keeps on disk, and what it takes over from others."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from .._errors import described
from .._failure import Failure
from .._reporting import RateLimitedLog, say
from .adoption import Adopter
from .config import SpoolConfig
from .directory import Directory, Full
from .journal import Group, Journal, Trouble
from .keeper import Keeper
from .origin import Origin
from .record import Record
from .replay import Carrier, Replayer
from .segment import Segment
from .segment_name import DEAD, EVENTS, UNOWNED
from .tuning import Tuning


class SpoolHost(Protocol):
    """The client that a spool belongs to."""

    def connect(self) -> Carrier:
        """Makes a transport of its own for what is replayed."""
        ...

    def report_of(self, group: Group) -> Any:
        """Returns what the client's own transport calls about the events of a group."""

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        """Returns what a transport's exception means for an event."""
        ...

    def is_drained(self) -> bool:
        """Reports whether nothing of the client's own is in flight."""
        ...

    def is_quiet(self) -> bool:
        """Reports whether the client's own events leave room for those of others."""
        ...

    def caught_up(self) -> None:
        """Called again and again while nothing of the client's own waits on disk."""

    def room_changed(self, error: Trouble | None) -> None:
        """Receives why there will be no more room, and None once there is some again."""

    def dead_lettered(self, failure: Failure, is_own: bool) -> None:
        """Receives an event that can never be delivered, and whether this client accepted it."""


class Counts(NamedTuple):
    """What the spool adds to the books of a client; see `Stats`."""

    spooled: int = 0
    adopted: int = 0
    replayed: int = 0
    dead_lettered: int = 0
    oldest_spooled_ms: int = 0


class Spool:
    """Four journals, and the threads that look after them.

    Attributes:
        append: writes an event that is also on its way to Kafka; see `Journal.append`.
    """

    def __init__(
        self, config: SpoolConfig, origin: Origin, host: SpoolHost, tuning: Tuning
    ) -> None:
        self.folder = config.folder
        self.durable = config.durable
        self.patience = tuning.patience
        self._host = host
        self._tuning = tuning
        self._troubles: list[Trouble | None] = [None, None]
        directory = Directory(config.folder, config.max_bytes)
        at_once = config.durable and config.sync == 0
        self._live = Journal(
            directory,
            origin,
            EVENTS,
            tuning,
            report_of=host.report_of,
            on_trouble=partial(self._troubled, 0),
            durable=at_once,
        )
        # What was in memory was accepted before whatever is kept in the backlog.
        self._returned = Journal(
            directory,
            origin,
            EVENTS,
            tuning,
            on_lost=self._taken_away,
            durable=at_once,
            first=True,
        )
        self._backlog = Journal(
            directory,
            origin,
            EVENTS,
            tuning,
            on_trouble=partial(self._troubled, 1),
            on_lost=self._taken_away,
            durable=at_once,
        )
        self._dead = Journal(directory, origin, DEAD, tuning)
        self._journals = (self._live, self._returned, self._backlog, self._dead)
        self.append = self._live.append
        self._adopter = Adopter(directory, origin, tuning)
        self._adopted: deque[Segment] = deque()
        self._replayer = Replayer(self, tuning)
        interval = config.sync or tuning.heartbeat
        self._keeper = Keeper(self._tick, interval, self._beat, tuning.heartbeat)
        # A signal handler may count while its thread is counting.
        self._books = threading.RLock()
        self._counts = Counts()
        self._away = 0
        self._ended = False
        self._log = RateLimitedLog()

    def start(self) -> None:
        """Begins to look after what is on disk."""
        self._keeper.start()

    def make_room(self) -> None:
        """Makes room for events that are also on their way to Kafka, or says why it cannot."""
        self._live.reserve()

    def take_back(self, key: bytes, event: bytes) -> None:
        """Leaves an event that was not delivered from memory to the disk, to be sent before others.

        Raises:
            Full: there is no room for it.
            OSError: the disk cannot be written.
        """
        try:
            self._returned.append(key, event)
        except (Full, OSError):  # one more segment, that is; the backlog may have room
            self._backlog.append(key, event)
        self._kept()

    def keep(self, key: bytes, event: bytes) -> None:
        """Leaves an event to the disk, to be sent later.

        Raises:
            Full: there is no room for it.
            OSError: the disk cannot be written.
        """
        self._backlog.append(key, event)
        self._kept()

    def _kept(self) -> None:
        self.leave()
        if not self._ended:
            self._keeper.wake()
            self._replayer.wake()

    def leave(self) -> None:
        """Counts an event that is on disk already, and on its way no more."""
        self._count(spooled=1)

    @property
    def pending(self) -> int:
        """How many of the client's own events wait here, and will be sent by it."""
        return self._counts.spooled - self._away

    def bury(self, failure: Failure) -> None:
        """Keeps an own event that can never be delivered, for a person to look at."""
        self._bury(failure)
        self._host.dead_lettered(failure, True)

    def counts(self) -> Counts:
        """The books."""
        with self._books:
            counts = self._counts
        kept = [*self._returned.segments(), *self._backlog.segments()]
        owned = [*kept, *self._adopted, *self._replayer.segments()]
        return counts._replace(oldest_spooled_ms=_age(owned))

    def release(self) -> None:
        """Leaves what is not done to whoever comes next; what is kept later, too."""
        self._ended = True
        self._keeper.stop()
        adopted = [self._adopted.popleft() for _ in range(len(self._adopted))]
        releases: tuple[Callable[[], object], ...] = (
            self._replayer.stop,
            *(partial(segment.hand_to, UNOWNED) for segment in adopted),
            *(journal.release for journal in self._journals),
        )
        for release in releases:
            try:
                release()
            except OSError as error:
                self._say(error)
        kept = self.counts().spooled
        if kept:
            text = "%d events wait in %s: the next process on this machine sends them"
            say(logging.WARNING, text, kept, self.folder)

    def outlive(self) -> None:
        """Lets the end of the process not wait for it."""
        self._replayer.outlive()

    # What the replayer asks for: see ReplaySource.

    def connect(self) -> Carrier:
        return self._host.connect()

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        return self._host.failure_of(error, key, event)

    def next_segment(self) -> tuple[Segment, bool] | None:
        """Returns what to replay: the client's own events first."""
        if self.pending:
            segment = self._oldest() if self._host.is_drained() else None
            if self.durable:
                self._backlog.prepare()
            if segment is None or segment.is_mine():
                return None if segment is None else (segment, True)
            self._taken_away(sum(isinstance(item, Record) for item in segment.read()))
        self._host.caught_up()
        self._returned.rest()
        self._backlog.rest()
        if self._adopted and self._host.is_quiet():
            return self._adopted.popleft(), False
        return None

    def expects_more(self) -> bool:
        return bool(self._adopted) or self.pending > 0

    def count_adopted(self, events: int) -> None:
        self._count(adopted=events)

    def count_delivered(self, events: int, is_own: bool) -> None:
        if is_own:
            self._count(spooled=-events)
        else:
            self._count(replayed=events)

    def dead_letter(self, failure: Failure, is_own: bool) -> None:
        self._bury(failure)
        self._host.dead_lettered(failure, is_own)
        if is_own:
            self._count(spooled=-1)

    def _oldest(self) -> Segment | None:
        return self._returned.take() or self._backlog.take()

    def _troubled(self, journal: int, trouble: Trouble | None) -> None:
        """There is room where each journal has some."""
        self._troubles[journal] = trouble
        self._host.room_changed(self._troubles[0] or self._troubles[1])

    def _tick(self) -> bool:
        if self.durable:
            self._live.prepare()
            self._live.advance()
        for journal in self._journals:
            journal.sync()
        return self.durable or self.pending > 0

    def _beat(self) -> None:
        owned = (
            *(journal.segments() for journal in self._journals),
            list(self._adopted),
            self._replayer.segments(),
        )
        for segments in owned:
            for segment in segments:
                segment.beat()
        if self.pending:
            self._backlog.prepare()
        for segment in self._adopter.adopted():
            self._adopted.append(segment)
        if self.expects_more():
            self._replayer.wake()

    def _bury(self, failure: Failure) -> None:
        try:
            self._dead.append(failure.key, failure.event)
        except (Full, OSError) as error:
            self._say(error)
        else:
            self._count(dead_lettered=1)

    def _taken_away(self, events: int) -> None:
        with self._books:
            self._away += events

    def _count(self, **more: int) -> None:
        with self._books:
            now = self._counts
            self._counts = now._replace(
                **{name: getattr(now, name) + number for name, number in more.items()}
            )

    def _say(self, error: Exception) -> None:
        self._log.log(
            logging.ERROR,
            "spool",
            f"the spool in {self.folder} cannot be written: {described(error)};"
            " make room there, or name another folder by EKA_SPOOL_DIR",
        )


def _age(segments: list[Segment]) -> int:
    """Milliseconds since the oldest of them was begun."""
    begun = [header.created_at for segment in segments if (header := _header(segment))]
    return max(0, time.time_ns() // 1_000_000 - min(begun)) if begun else 0


def _header(segment: Segment) -> Any:
    try:
        return segment.header()
    except OSError:  # it was done and closed a moment ago
        return None

"""The spool of one client: its own events on disk, and those of dead processes.

`docs/spool-format.md` specifies the files, `docs/durability.md` what they guarantee. The spool
handles bytes and keys, not events, and does not depend on Kafka.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from .._describe import describe_error
from .._failure import Failure
from .._interrupts import is_interruption, shared_lock
from .._reporting import RateLimitedLog, write_log
from .adoption import Adopter
from .backlog import Backlog
from .config import SpoolConfig
from .directory import Directory, SpoolFullError
from .header import Header
from .housekeeping import Housekeeper
from .origin import Origin
from .record import Member, Record
from .replayer import Replayer, ReplayTransport
from .segment import Segment
from .segment_log import SegmentLog
from .segment_name import DEAD, EVENTS, UNOWNED
from .segment_writer import AckGroup
from .tuning import Tuning


class SpoolHost(Protocol):
    """The client that a spool belongs to."""

    def replay_transport(self) -> ReplayTransport:
        """Makes a transport for replay, apart from the client's own."""
        ...

    def report_of(self, group: AckGroup) -> Any:
        """Returns what the client's own transport calls about the events of a group."""

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        """Returns what a transport's exception means for an event."""
        ...

    def is_drained(self) -> bool:
        """Reports whether nothing of the client's own is in flight."""
        ...

    def has_capacity(self) -> bool:
        """Reports whether the client's own events leave room for those of others."""
        ...

    def caught_up(self) -> None:
        """Called again and again while nothing of the client's own is pending on disk."""

    def room_changed(self, error: SpoolFullError | OSError | None) -> None:
        """Receives why there will be no more room, and None once there is some again."""

    def rejected(self, failure: Failure, is_own: bool) -> None:
        """Receives an event that can never be delivered, and whether this client accepted it."""


class SpoolStats(NamedTuple):
    """The part of the disk in a client's counters; see `Stats`."""

    spooled: int = 0
    adopted: int = 0
    replayed: int = 0
    dead_lettered: int = 0
    oldest_spooled_ms: int = 0
    spooled_total: int = 0
    retried: int = 0
    spool_bytes: int = 0


class Spool:
    """Segment logs of one client, and the threads that work on them.

    Attributes:
        append: writes an event that is in flight too; see `SegmentLog.append`.
        append_group: the same for several events, as one record.
        reserve: makes room for one; see `SegmentLog.reserve`.
        reserve_spill: makes room for a group that is spilled.
        path: the directory of the segments.
        is_durable: whether every event is appended before it is sent.
        patience: how many seconds a shutdown waits for a broker that takes nothing.
    """

    def __init__(
        self, config: SpoolConfig, origin: Origin, host: SpoolHost, tuning: Tuning
    ) -> None:
        self.path = config.directory.path
        self.is_durable = config.is_durable
        self.patience = tuning.patience
        self._host = host
        directory = Directory(config.directory.renewed(), config.max_bytes)
        self._directory = directory
        fsync_each = config.is_durable and config.sync_interval == 0
        self._last_errors: list[SpoolFullError | OSError | None] = [None, None]
        self._in_flight = SegmentLog(
            directory,
            origin,
            EVENTS,
            tuning,
            report_of=host.report_of,
            on_room_changed=partial(self._room_changed, 0),
            is_idle=host.is_drained,
            fsync_each=fsync_each,
        )
        self._backlog = Backlog(
            directory,
            origin,
            tuning,
            fsync_each=fsync_each,
            on_room_changed=partial(self._room_changed, 1),
        )
        self._dead = SegmentLog(directory, origin, DEAD, tuning)
        self._logs = (self._in_flight, *self._backlog.logs, self._dead)
        self.append = self._in_flight.append
        self.append_group = self._in_flight.append_group
        self.reserve = self._in_flight.reserve
        self.reserve_spill = self._backlog.reserve
        self._adopter = Adopter(directory, origin, tuning)
        self._adopted: deque[Segment] = deque()
        self._replayer = Replayer(self, tuning)
        interval = config.sync_interval or tuning.heartbeat
        self._housekeeper = Housekeeper(self._tidy, interval, self._beat, tuning.heartbeat)
        self._counting = shared_lock()
        self._stats = SpoolStats()
        self._released = False
        self._log = RateLimitedLog()

    def start(self) -> None:
        """Starts the periodic work."""
        self._housekeeper.start()

    def ensure_headroom(self) -> None:
        """Reserves room for events that are in flight too, or reports why it cannot."""
        self._in_flight.ensure_headroom()

    def restore(self) -> None:
        """Writes segments anew whose files were removed, as far as the disk can be written."""
        try:
            self._restore()
        except OSError as error:
            self._report(error)

    def used_share(self) -> float:
        """Returns how much of its disk space is used; see `Directory.used_share`."""
        return self._directory.used_share()

    def spill(self, key: bytes, event: bytes) -> None:
        """Appends an event that is replayed once all before it are delivered.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        self._backlog.spill(key, event)
        self._wake()

    def spill_group(self, members: Sequence[Member], body: bytes) -> None:
        """Appends several events as one record; see `spill`."""
        self._backlog.spill_group(members, body)
        self._wake()

    def requeue(self, key: bytes, event: bytes) -> None:
        """Appends an event that was not delivered from memory, ahead of those that were spilled.

        Raises:
            SpoolFullError: there is no room for it.
            OSError: the disk cannot be written.
        """
        self._backlog.requeue(key, event)
        self._count(retried=1)
        self._wake()

    def interrupted(self, events: int = 1) -> None:
        """Records that a call was interrupted, so that the reports of its events may be missing."""
        self._in_flight.interrupted(events)

    def retain(self) -> None:
        """Counts an event that stays on disk, where it was appended, and is no longer in flight."""
        self._backlog.count(1)
        self._count(retried=1)

    def dead_letter(self, failure: Failure) -> None:
        """Appends an event of this client to the dead letters, as it can never be delivered."""
        self._dead_letter(failure)
        self._host.rejected(failure, True)

    @property
    def pending(self) -> int:
        """How many of the client's own events are to be replayed by it."""
        return self._backlog.pending

    def stats(self) -> SpoolStats:
        """Returns the counters."""
        with self._counting:
            stats = self._stats
        owned = [*self._backlog.segments(), *self._adopted, *self._replayer.segments()]
        return stats._replace(
            spooled=self._backlog.spooled,
            oldest_spooled_ms=_oldest_ms(owned),
            spooled_total=self._in_flight.appended + self._backlog.appended,
            spool_bytes=self._used_bytes(),
        )

    def _used_bytes(self) -> int:
        with suppress(OSError):
            return 0 if self._released else self._directory.used_bytes()
        return 0

    def release(self) -> None:
        """Leaves what is not acknowledged to the next process, and what is appended from now on."""
        self._released = True
        self._housekeeper.stop()
        adopted = [self._adopted.popleft() for _ in range(len(self._adopted))]
        own = [*self._backlog.segments(), *self._replayer.segments(is_own=True)]
        others = [*adopted, *self._replayer.segments(is_own=False)]
        steps: tuple[Callable[[], object], ...] = (
            self._replayer.stop,
            partial(self._report_lost, own, is_own=True),
            partial(self._report_lost, others, is_own=False),
            *(partial(segment.transfer_to, UNOWNED) for segment in adopted),
            self._backlog.release,
            *(log.release for log in self._logs),
            self._directory.close,
        )
        is_in_place = self._directory.handle.is_in_place()
        for step in steps:
            try:
                step()
            except OSError as error:
                self._report(error)
        spooled = self._backlog.spooled
        if spooled:
            text = "%d events are not delivered yet; they are kept in %s for the next process"
            if not is_in_place:
                text = (
                    "%d events are not delivered yet; their directory is no longer at %s: move it"
                    " back for the next process"
                )
            write_log(logging.WARNING, text, spooled, self.path)

    def detach(self) -> None:
        """Lets the process end without waiting for the transport of the replay."""
        self._replayer.detach()

    # ReplaySource.

    def replay_transport(self) -> ReplayTransport:
        return self._host.replay_transport()

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        return self._host.failure_of(error, key, event)

    def next_segment(self) -> tuple[Segment, bool] | None:
        """Returns the segment to replay next: those of this client first."""
        if self.pending:
            segment = self._backlog.pop_oldest() if self._host.is_drained() else None
            if self.is_durable:
                self._backlog.preallocate()
            if segment is not None or self.pending:
                return None if segment is None else (segment, True)
        self._host.caught_up()
        self._backlog.discard_preallocated()
        if self._adopted and self._host.has_capacity():
            return self._adopted.popleft(), False
        return None

    def put_back(self, segment: Segment, is_own: bool) -> None:
        if is_own:
            self._backlog.put_back(segment)
        else:
            self._adopted.append(segment)

    def expects_more(self) -> bool:
        return bool(self._adopted) or self.pending > 0

    def count_adopted(self, events: int) -> None:
        self._count(adopted=events)

    def count_delivered(self, events: int, is_own: bool) -> None:
        if is_own:
            self._backlog.count(-events)
        else:
            self._count(replayed=events)

    def reject(self, failure: Failure, is_own: bool) -> None:
        self._dead_letter(failure)
        self._host.rejected(failure, is_own)
        if is_own:
            self._backlog.count(-1)

    # What the housekeeper calls.

    def _tidy(self) -> bool:
        if self.is_durable:
            self._in_flight.preallocate()
            self._in_flight.prune()
        for log in self._logs:
            log.sync()
        return self.is_durable or self.pending > 0

    def _beat(self) -> None:
        owned = (
            self._backlog.segments(),
            self._in_flight.segments(),
            self._dead.segments(),
            list(self._adopted),
            self._replayer.segments(),
        )
        for segments in owned:
            for segment in segments:
                segment.beat()
        self._restore()
        if self.pending:
            self._backlog.preallocate()
        for segment in self._adopter.adopt():
            self._adopted.append(segment)
        if self.expects_more():
            self._replayer.wake()

    def _restore(self) -> None:
        """Writes segments anew whose files were removed.

        Raises:
            OSError: the disk cannot be written.
        """
        failed: OSError | None = None
        for log in self._logs:
            try:
                log.restore()
            except OSError as error:
                failed = error
        for segment in (*self._backlog.unread(), *self._adopted, *self._replayer.segments()):
            if failed is None:
                segment.restore()
        if failed is not None:
            raise failed

    def _report_lost(self, segments: list[Segment], *, is_own: bool) -> None:
        """Reports the events of segments that were removed, and could not be written anew."""
        for segment in segments:
            if not segment.is_removed():
                continue
            for item in segment.read():
                if isinstance(item, Record):
                    self._host.rejected(self.lost(item.key, item.event), is_own)
                    if is_own:
                        self._backlog.count(-1)

    def lost(self, key: bytes, event: bytes) -> Failure:
        """Returns why an event that was on disk is not there for the next process."""
        why = f"its file in {self.path} was removed, and no other can be written there"
        return Failure(why, key, event, given_up=True)

    def _wake(self) -> None:
        if not self._released:
            self._housekeeper.wake()
            self._replayer.wake()

    def _room_changed(self, log: int, error: SpoolFullError | OSError | None) -> None:
        """There is room only while each of the two logs has some."""
        self._last_errors[log] = error
        self._host.room_changed(self._last_errors[0] or self._last_errors[1])

    def _dead_letter(self, failure: Failure) -> None:
        try:
            self._dead.append(failure.key, failure.event)
        except (SpoolFullError, OSError) as error:
            if is_interruption(error):
                raise
            self._report(error)
        else:
            self._count(dead_lettered=1)

    def _count(self, **more: int) -> None:
        with self._counting:
            now = self._stats
            self._stats = now._replace(
                **{name: getattr(now, name) + number for name, number in more.items()}
            )

    def _report(self, error: Exception) -> None:
        self._log.log(
            logging.ERROR,
            "spool",
            f"spool write failed, make room in {self.path}: {describe_error(error)}",
        )


def _oldest_ms(segments: list[Segment]) -> int:
    """Returns the milliseconds since the oldest of these segments was begun."""
    begun = [header.created_at for segment in segments if (header := _header(segment))]
    return max(0, time.time_ns() // 1_000_000 - min(begun)) if begun else 0


def _header(segment: Segment) -> Header | None:
    try:
        return segment.header()
    except OSError:  # it was acknowledged and closed a moment ago
        return None

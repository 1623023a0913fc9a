"""Accepted events on their way out: each one is delivered, or reported once.

An event is numbered before it is put here, and numbers have no gaps, so one that then finds the
queue full is parked, not rejected; while any is parked, no further event is accepted. At most one
event for each thread that records can be parked.

With a spool, nothing that can still be delivered is given up: what Kafka does not take now waits
on disk. While anything of the client's own waits there, each event joins the end of that queue, so
that order is kept; once the disk is empty again, events go straight to Kafka.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ._admission import Gate, Limits
from ._connection import Connection
from ._count import Count
from ._describe import describe_error
from ._failure import Failed, Failure
from ._parking import Parked, Parking
from ._poller import Poller
from ._reporting import RateLimitedLog
from ._route import Route
from ._spool.segment_writer import AckGroup
from ._spool.spool import Spool, SpoolStats
from ._transports.kafka import failure_of
from ._transports.transport import Transport
from ._wakeup import WakeUp

# A thread that records without a pause lets no other poll: each poll needs the interpreter once.
# So after so many events it polls itself, some microseconds' work.
_POLL_EVERY = 256
# A wait for Kafka is cut in slices, so that the host's signal handlers run in between.
_SLICE = 0.2
# The same where the wait is for the disk too, which the replayer empties.
_DISK_SLICE = 0.05

_Send = Callable[[str, str], None]
_Append = Callable[[bytes, bytes], object]


class Outbox:
    """Sends events by a transport, which the first event opens, and by a spool if there is one.

    Args:
        connect: makes the transport.
        failed: receives each event that is finally not delivered.
        limits: how much the queue holds.
        open_spool: makes the spool.

    Attributes:
        connection: holds the transport.
        gate: says whether an event can be accepted; callers ask before they number one.
        gave_up: whether anything was left when the outbox was closed.
    """

    def __init__(
        self,
        connect: Callable[[Failed], Transport],
        failed: Failed,
        limits: Limits,
        open_spool: Callable[[Outbox], Spool] | None = None,
    ) -> None:
        self._failed = failed
        # A signal handler may come in between, hence locks that their own thread can take again.
        # Neither is held while Kafka is waited for; `_parking` is never taken inside `_lock`.
        self._lock = threading.RLock()
        self._parking = threading.RLock()
        self.connection = Connection(connect, self._undelivered, self._lock)
        self.gate = Gate(self._parking, limits)
        self._parked = Parking(self._parking, self.gate)
        self.gave_up = False
        self._taken = Count()
        self._count_taken = self._taken.next
        self._poller = Poller(self._poll, self.queued)
        self._closer: int | None = None
        self._closed = WakeUp()
        self._finished = False
        # How many events shutdown() gave up, since the disk did not take them either.
        self._lost = 0
        self._log = RateLimitedLog()
        self._route = Route.UNOPENED
        self._send: _Send = self._open_route
        self._spool = open_spool(self) if open_spool else None
        self._usual_route = Route.DIRECT
        if self._spool is not None and self._spool.is_durable:
            self._usual_route = Route.DURABLE
            self.gate.require(self._spool.ensure_headroom)

    def begin(self) -> None:
        """Reserves room on disk and looks after what is there, before the first event."""
        if self._spool is not None:
            self.gate.reserve()
            self._spool.start()

    def put(self, key: str, value: str) -> None:
        """Takes an event that was numbered. Never waits, never raises."""
        try:
            self._send(key, value)
        except BufferError:
            self._spill_or_park(key, value)
        except Exception as error:
            self._undelivered(failure_of(error, key.encode(), value.encode()))
        if self._count_taken() % _POLL_EVERY == 0:
            self._poll()
        if self._poller.is_idle:
            self._poller.wake()
        if self._finished:
            self._give_up()  # shutdown() ended while this call was on its way

    @property
    def taken(self) -> int:
        """How many events were taken, whatever became of them."""
        return self._taken.last

    def queued(self) -> int:
        """How many events in memory are neither delivered nor failed."""
        return len(self._parked) + self.connection.queued()

    def spool_stats(self) -> SpoolStats:
        """Returns the part of the disk in the counters."""
        return SpoolStats() if self._spool is None else self._spool.stats()

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds, and returns how many events are in memory or on disk."""
        deadline = time.monotonic() + timeout
        self._wait(timeout)
        while self._pending and (left := deadline - time.monotonic()) > 0:
            self._wait(min(left, _DISK_SLICE))
        return self.queued() + self._pending

    def close(self, timeout: float) -> int:
        """Accepts nothing more, flushes, gives up the rest, and returns how many that were.

        With a spool, the rest goes to disk, and only what the disk does not take is given up.
        While one thread is at it, others wait for it, no longer than their own time. A signal
        handler that interrupts it cannot wait: it does the same in its turn.
        """
        me = threading.get_ident()
        self.gate.close()
        with self._lock:
            self._closer = self._closer or me
        if self._closer != me:
            self._closed.wait(timeout)
        elif not self._finished:
            self._drain(timeout)
        with self._lock:
            left = 0 if self._finished else self.queued()
            self.gave_up = self.gave_up or left > 0
            self._finished = True
        if not self._closed.is_raised:
            self._give_up()
        self._closed.wake()
        self._poller.stop()
        return self._lost if left and self._spool is not None else left

    def detach(self) -> None:
        """Lets the end of the process not wait for what was given up."""
        self.connection.detach()
        if self._spool is not None:
            self._spool.detach()

    # What the spool's host needs.

    def caught_up(self) -> None:
        """Sends the events to come to Kafka again, as nothing waits on disk any more."""
        with self._parking:
            if self._route is Route.DISK and not self._pending:
                self._take_route(self._usual_route)

    def room_changed(self, error: Exception | None) -> None:
        """Takes note of why the spool has no more room, or by None that it has some."""
        with self._parking:
            is_needed = self._route is Route.DISK or self._usual_route is Route.DURABLE
            self.gate.spool_changed(error, is_needed=is_needed)

    def unsent(self, group: AckGroup, failure: Failure) -> None:
        """Takes an event that is on disk, and that the transport could not deliver."""
        spool = self._spool
        if spool is None:  # no group without a spool
            return
        if failure.final:
            spool.dead_letter(failure)
            group.mark_acked()
        elif failure.given_up or self._finished:
            spool.retain()
        else:
            self._move(spool, spool.requeue, failure.key, failure.event, group)

    # Routes.

    def _take_route(self, route: Route) -> None:
        """Sends the events to come by this route.

        The callable changes first: a signal handler that records in between finds one that works.
        """
        self._send = self._sender(route)
        self._route = route

    def _sender(self, route: Route) -> _Send:
        if self._spool is not None and route is Route.DISK:
            return partial(self._spill, self._spool)
        transport = self.connection.open()
        if self._spool is not None and route is Route.DURABLE:
            return partial(self._write, self._spool, transport.send_reported)
        return transport.send

    def _open_route(self, key: str, value: str) -> None:
        """Does what a process that records nothing does without, then sends the first event."""
        self.begin()
        send = self._sender(self._usual_route)
        if self._start_poller():
            with self._parking:
                if self._route is Route.UNOPENED:
                    self._take_route(self._usual_route)
        send(key, value)

    def _start_poller(self) -> bool:
        """Reports whether the poller runs; the process may not be able to have a thread now."""
        with self._lock:
            try:
                if not self._poller.is_started:
                    self._poller.start()
            except RuntimeError as error:
                self.connection.report(error)
            return self._poller.is_started

    def _write(
        self, spool: Spool, send: Callable[[bytes, bytes, Any], None], key: str, value: str
    ) -> None:
        """Takes an event to disk, then to Kafka."""
        start, event = key.encode(), value.encode()
        try:
            group = spool.append(start, event)
        except Exception as error:  # it was numbered before the disk was found full
            self._cannot_write(spool, error)
            self.room_changed(error)
            self.connection.open().send(key, value)
            return
        try:
            send(start, event, group.report)
        except BufferError:
            self._move(spool, spool.spill, start, event, group)
        except Exception as error:
            self.unsent(group, failure_of(error, start, event))

    def _spill(self, spool: Spool, key: str, value: str) -> None:
        """Takes an event to disk only."""
        try:
            self._wait_on_disk(spool.spill, key.encode(), value.encode())
        except Exception as error:
            self._cannot_write(spool, error)
            raise BufferError(str(error)) from None

    def _wait_on_disk(self, append: _Append, key: bytes, event: bytes) -> None:
        """Takes an event to disk, and all that come after it until the disk is empty."""
        with self._parking:
            append(key, event)
            self.gate.last_spill_error = None
            if not self._finished:
                self._take_route(Route.DISK)

    def _move(
        self, spool: Spool, append: _Append, key: bytes, event: bytes, group: AckGroup
    ) -> None:
        """Takes an event that is on disk to those that wait there."""
        try:
            self._wait_on_disk(append, key, event)
        except Exception as error:
            self._cannot_write(spool, error)
            self._parked.park(Parked(key.decode(), event.decode(), group))
        else:
            group.mark_acked()

    # Parked events.

    def _spill_or_park(self, key: str, value: str) -> None:
        """Takes an event that found the queue full."""
        group = None
        if self._spool is not None:
            if self._route is not Route.DISK:  # otherwise it comes from there, and found no room
                with suppress(BufferError):
                    self._spill(self._spool, key, value)
                    return
            if self._spool.is_durable:
                # What is kept free for events that were numbered already is free in this journal.
                with suppress(Exception):
                    group = self._spool.append(key.encode(), value.encode())
        self._parked.park(Parked(key, value, group))

    def _unpark(self) -> None:
        """Sends what was parked, as far as there is room."""
        self._parked.unpark(self._resend)

    def _resend(self, parked: Parked) -> None:
        key, value, group = parked
        start, event = key.encode(), value.encode()
        try:
            if group is None or self._spool is None:
                self._send(key, value)
            elif self._route is Route.DISK:
                self._spill(self._spool, key, value)
                group.mark_acked()
            else:
                self.connection.open().send_reported(start, event, group.report)
        except BufferError:
            raise
        except Exception as error:
            failure = failure_of(error, start, event)
            if group is None:
                self._undelivered(failure)
            else:
                self.unsent(group, failure)

    # The end of events that were not delivered.

    def _undelivered(self, failure: Failure) -> None:
        """Takes an event that is in memory only, and that the transport could not deliver."""
        if self._spool is None:
            self._failed(failure)
        elif failure.final:
            self._spool.dead_letter(failure)
        else:
            try:
                self._wait_on_disk(self._spool.requeue, failure.key, failure.event)
            except Exception as error:
                self._cannot_write(self._spool, error)
                self._lost += failure.given_up
                self._failed(failure)

    def _give_up(self) -> None:
        self._parked.clear(self._abandon)
        self.connection.purge()
        if self._spool is not None:
            self._spool.release()

    def _abandon(self, parked: Parked) -> None:
        if parked.group is not None and self._spool is not None:
            self._spool.retain()
            return
        key, event = parked.key.encode(), parked.value.encode()
        self._undelivered(Failure("it found the queue full", key, event, given_up=True))

    # Waiting.

    @property
    def _pending(self) -> int:
        """How many of the client's own events wait on disk."""
        return 0 if self._spool is None else self._spool.pending

    def _drain(self, timeout: float) -> None:
        """Waits for what is queued; with a spool only as long as there is progress."""
        if self._spool is None:
            self.flush(timeout)
            return
        now = since = time.monotonic()
        deadline, best = now + timeout, 0
        while left := self.queued() + self._pending:
            self._wait(max(0.0, min(deadline - now, _DISK_SLICE)))
            now = time.monotonic()
            if not best or left < best:
                best, since = left, now
            if now >= deadline or now - since > self._spool.patience:
                return

    def _wait(self, seconds: float) -> None:
        """Waits for the transport, and then a moment for the disk."""
        self._flush_memory(seconds)
        if self._pending and not (self.connection.is_open and self.queued()):
            time.sleep(min(seconds, _DISK_SLICE))

    def _flush_memory(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.connection.is_open:
            self._unpark()
            left = deadline - time.monotonic()
            if not self.connection.flush(max(0.0, min(left, _SLICE))):
                return
            if left <= 0 or not self.queued():
                return

    def _poll(self) -> None:
        """Reads what became of events, which makes room for others."""
        try:
            self.connection.poll()
            self._unpark()
        except Exception as error:
            self.connection.report(error)

    def _cannot_write(self, spool: Spool, error: Exception) -> None:
        self.gate.last_spill_error = error
        text = (
            f"the spool in {spool.path} cannot be written: {describe_error(error)}; make room there"
        )
        self._log.log(logging.ERROR, "spool", text)

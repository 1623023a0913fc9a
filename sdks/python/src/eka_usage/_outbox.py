"""Accepted events on their way out: each one is delivered, or reported once.

An event is numbered before it is put here, and numbers have no gaps, so one that then finds the
queue full is parked, not rejected; while any is parked, no further event is accepted. At most one
event per recording thread is parked.

With a spool, no event that can still be delivered is given up: what Kafka does not accept now is
spilled. While events of this client are pending on disk, later ones are spilled too, to keep their
order; once the disk has none, events are sent directly again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ._admission import Gate, Limits, NotStoredError
from ._connection import Connection
from ._count import Count
from ._describe import describe_error
from ._drain import Drain
from ._failure import Failed, Failure
from ._interrupts import is_interruption, shared_lock
from ._parking import Parked, Parking
from ._poller import Poller
from ._reporting import RateLimitedLog
from ._route import Route
from ._spool.segment_writer import AckGroup
from ._spool.spool import Spool, SpoolStats
from ._transports.kafka import failure_of
from ._transports.transport import Transport
from ._wakeup import WakeUp

# A thread that records without a pause hardly lets another poll, which needs the interpreter. So
# after so many events it polls itself, which takes some microseconds.
_POLL_EVERY = 256

_Send = Callable[[str, str], None]
_Append = Callable[[bytes, bytes], object]


class Outbox:
    """Sends events through a transport, which the first event opens, and through a spool, if any.

    Args:
        connect: opens the transport.
        failed: receives each event that cannot be delivered.
        limits: how much the queue holds.
        open_spool: opens the spool; None for none.

    Attributes:
        connection: holds the transport.
        gate: admits events; the client checks it before it numbers one.
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
        # Not held during a wait for Kafka.
        self._lock = shared_lock()
        self.connection = Connection(connect, self._undelivered)
        self.gate = Gate(limits)
        self._parked = Parking(self.gate)
        self.gave_up = False
        self._taken = Count()
        self._poller = Poller(self._poll, self.queued)
        self._closer: int | None = None
        self._closed = WakeUp()
        self._finished = False
        # How many events shutdown() gave up, as they could not be spilled either.
        self._lost = 0
        self._log = RateLimitedLog()
        self._route = Route.UNOPENED
        self._send: _Send = self._open_route
        self._spool = open_spool(self) if open_spool else None
        self._drain = Drain(self.connection, self.queued, self._unpark, self._spool)
        self._usual_route = Route.DIRECT
        if self._spool is not None and self._spool.is_durable:
            self._usual_route = Route.DURABLE
            self.gate.require(self._spool.ensure_headroom)

    def begin(self) -> None:
        """Reserves room on disk and starts to replay, before the first event."""
        if self._spool is not None:
            self.gate.reserve()
            self._spool.start()

    def put(self, numbers: list[int], key: str, value: str) -> None:
        """Takes an event that was numbered. Never waits.

        Args:
            numbers: the event's number; how many events were put here is added to it.
            key: the event's key.
            value: the event.

        Raises:
            NotStoredError: it was not taken, as it cannot be written to disk first.
            BaseException: an interruption.
        """
        send = self._send  # CPython specializes calls of locals
        try:
            send(key, value)
        except NotStoredError:
            raise
        except BufferError:
            self._spill_or_park(key, value)
        except Exception as error:
            if is_interruption(error):
                raise
            self._undelivered(failure_of(error, key.encode(), value.encode()))
        taken = 0
        # Unlike a call, CPython takes and stores it without a look at signals in between.
        for taken in self._taken.numbers:  # noqa: B007
            break
        numbers.append(taken)
        if taken % _POLL_EVERY == 0:
            self._poll()
        if self._poller.is_idle:
            self._poller.wake()
        if self._finished:
            self._give_up()  # shutdown() ended during this call

    def recover(self, numbers: list[int], key: str, value: str | None) -> None:
        """Completes an event whose `put` was interrupted, perhaps after it was sent.

        Then it is sent a second time, with the same id, and counts as two events.
        """
        if self._spool is not None:
            self._spool.interrupted()
        if value is not None and len(numbers) == 1:
            try:
                self.put(numbers, key, value)
            except NotStoredError:  # unless the interruption came later
                self._parked.park(Parked(key, value))
                numbers.append(self._taken.next())
        if self._finished:
            self._give_up()

    @property
    def taken(self) -> int:
        """How many events were put here."""
        return self._taken.last

    def queued(self) -> int:
        """Returns how many events are in memory."""
        return len(self._parked) + self.connection.queued()

    def spool_stats(self) -> SpoolStats:
        """Returns the part of the disk in the counters."""
        return SpoolStats() if self._spool is None else self._spool.stats()

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds, and returns how many events are queued or pending."""
        return self._drain.flush(timeout)

    def close(self, timeout: float) -> int:
        """Accepts nothing more, flushes, gives up the rest, and returns how many that were.

        With a spool, the rest is spilled, and only what cannot be spilled is given up. While one
        thread closes, others wait for it, up to their own timeout. A signal handler that interrupts
        it cannot wait, and closes itself.
        """
        me = threading.get_ident()
        self.gate.close()
        with self._lock:
            self._closer = self._closer or me
        if self._closer != me:
            self._closed.wait(timeout)
        elif not self._finished:
            self._drain.close(timeout)
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
        """Lets the process end without waiting for what was given up."""
        self.connection.detach()
        if self._spool is not None:
            self._spool.detach()

    # Called by the host of the spool.

    def caught_up(self) -> None:
        """Sends later events directly again, if none is pending on disk any more."""
        with self._lock:
            if self._route is Route.DISK and not self._drain.pending:
                self._take_route(self._usual_route)

    def room_changed(self, error: Exception | None) -> None:
        """Records why the spool has no more room, or with None that it has some."""
        with self._lock:
            is_needed = self._route is Route.DISK or self._usual_route is Route.DURABLE
            self.gate.spool_changed(error, is_needed=is_needed)

    def unsent(self, group: AckGroup, failure: Failure) -> None:
        """Handles an event that is on disk, and that the transport could not deliver."""
        spool = self._spool
        if spool is None:  # there is no group without a spool
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
        """Sends later events by this route.

        The callable changes first, so that a signal handler that records in between uses a valid
        one.
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
        """Opens the transport and starts the poller, then sends the first event."""
        self.begin()
        send = self._sender(self._usual_route)
        if self._start_poller():
            with self._lock:
                if self._route is Route.UNOPENED:
                    self._take_route(self._usual_route)
        send(key, value)

    def _start_poller(self) -> bool:
        """Reports whether the poller runs; the process may be unable to start a thread."""
        needs_polling = self.connection.open().needs_polling
        with self._lock:
            try:
                if needs_polling and not self._poller.is_started:
                    self._poller.start()
            except RuntimeError as error:
                self.connection.report(error)
            return self._poller.is_started or not needs_polling

    def _write(
        self, spool: Spool, send: Callable[[bytes, bytes, Any], None], key: str, value: str
    ) -> None:
        """Appends an event to the spool, then sends it."""
        start, event = key.encode(), value.encode()
        try:
            group = spool.append(start, event)
        except Exception as error:  # other calls have used the headroom since it was numbered
            if is_interruption(error):
                raise
            self._cannot_write(spool, error)
            self.room_changed(error)
            raise NotStoredError(str(error)) from None
        try:
            send(start, event, group.report)
        except BufferError:
            self._move(spool, spool.spill, start, event, group)
        except Exception as error:
            if is_interruption(error):
                raise
            self.unsent(group, failure_of(error, start, event))

    def _spill(self, spool: Spool, key: str, value: str) -> None:
        """Appends an event to the backlog."""
        try:
            self._append_to_backlog(spool.spill, key.encode(), value.encode())
        except Exception as error:
            if is_interruption(error):
                raise
            self._cannot_write(spool, error)
            raise BufferError(str(error)) from None

    def _append_to_backlog(self, append: _Append, key: bytes, event: bytes) -> None:
        """Appends an event to the backlog, which later events follow until it is empty."""
        with self._lock:
            append(key, event)
            self.gate.last_spill_error = None
            if self._route is not Route.DISK and not self._finished:
                self._take_route(Route.DISK)

    def _move(
        self, spool: Spool, append: _Append, key: bytes, event: bytes, group: AckGroup
    ) -> None:
        """Moves an event that is on disk already to the backlog, or parks it."""
        try:
            self._append_to_backlog(append, key, event)
        except Exception as error:
            if is_interruption(error):
                raise
            self._cannot_write(spool, error)
            self._parked.park(Parked(key.decode(), event.decode(), group))
        else:
            group.mark_acked()

    # Parked events.

    def _spill_or_park(self, key: str, value: str) -> None:
        """Handles an event that found the queue full.

        Raises:
            NotStoredError: it has to be on disk, and there is no room.
        """
        group = None
        if self._spool is not None:
            if self._route is not Route.DISK:  # otherwise the disk has no room
                with suppress(BufferError):
                    self._spill(self._spool, key, value)
                    return
            if self._spool.is_durable:
                # The headroom for events that were numbered already is in this segment log.
                try:
                    group = self._spool.append(key.encode(), value.encode())
                except Exception as error:
                    if is_interruption(error):
                        raise
                    raise NotStoredError(str(error)) from None
        self._parked.park(Parked(key, value, group))

    def _resend(self, parked: Parked) -> None:
        """Sends a parked event; raises BufferError while there is no room."""
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
            if is_interruption(error):
                raise
            failure = failure_of(error, start, event)
            if group is None:
                self._undelivered(failure)
            else:
                self.unsent(group, failure)

    # Undelivered events.

    def _undelivered(self, failure: Failure) -> None:
        """Handles an event that is in memory only, and that the transport could not deliver."""
        if self._spool is None:
            self._failed(failure)
        elif failure.final:
            self._spool.dead_letter(failure)
        else:
            try:
                self._append_to_backlog(self._spool.requeue, failure.key, failure.event)
            except Exception as error:
                if is_interruption(error):
                    raise
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
        self._undelivered(Failure("the queue was full", key, event, given_up=True))

    def _unpark(self) -> None:
        """Sends parked events, as far as there is room."""
        self._parked.unpark(self._resend)

    def _poll(self) -> None:
        """Receives delivery reports, which make room for parked events."""
        try:
            self.connection.poll()
            self._unpark()
        except Exception as error:
            if is_interruption(error):
                raise
            self.connection.report(error)

    def _cannot_write(self, spool: Spool, error: Exception) -> None:
        self.gate.last_spill_error = error
        text = f"spool write failed, make room in {spool.path}: {describe_error(error)}"
        self._log.log(logging.ERROR, "spool", text)

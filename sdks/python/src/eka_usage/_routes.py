"""Where an accepted event goes: to Kafka, to disk, to both, or to where it waits for room."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ._admission import Gate, Limits, NotStoredError
from ._batch import Batch
from ._connection import Connection
from ._describe import describe_error
from ._failure import Failed, Failure
from ._interrupts import is_interruption, shared_lock
from ._parking import Parked, Parking
from ._reporting import RateLimitedLog
from ._route import Route
from ._spool.segment_writer import AckGroup
from ._spool.spool import Spool
from ._transports.kafka import failure_of
from ._transports.transport import Transport

Send = Callable[[str, str], None]
Append = Callable[[bytes, bytes], object]


class Routes:
    """The routes of one client's events, and what becomes of those that are not delivered.

    Args:
        connect: opens the transport.
        failed: receives each event that cannot be delivered.
        limits: how much the queue holds.

    Attributes:
        connection: holds the transport.
        gate: admits events; the client checks it before it numbers one.
    """

    _send: Send
    _spool: Spool | None = None
    _usual_route = Route.DIRECT

    def __init__(
        self, connect: Callable[[Failed], Transport], failed: Failed, limits: Limits
    ) -> None:
        self._failed = failed
        # Not held during a wait for Kafka.
        self._lock = shared_lock()
        self.connection = Connection(connect, self._undelivered)
        self.gate = Gate(limits)
        self._parked = Parking(self.gate)
        # librdkafka has a place for this one, so the next must not be parked beside it. With a
        # spool, the next goes to disk.
        self._holds_one = limits.events == 1
        self._finished = False
        # How many events shutdown() gave up, as they could not be spilled either.
        self._lost = 0
        self._log = RateLimitedLog()
        self._route = Route.UNOPENED

    @property
    def _pending(self) -> int:
        """How many events of this client are pending on disk."""
        return 0 if self._spool is None else self._spool.pending

    # Called by the host of the spool.

    def caught_up(self) -> None:
        """Sends later events directly again, if none is pending on disk any more."""
        with self._lock:
            if self._route is Route.DISK and not self._pending:
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
            self._leave(spool, failure.key, failure.event, group)
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

    def _sender(self, route: Route) -> Send:
        if self._spool is not None and route is Route.DISK:
            return partial(self._spill, self._spool)
        transport = self.connection.open()
        if self._spool is not None and route is Route.DURABLE:
            return partial(self._write, self._spool, transport.send_reported)
        if self._holds_one and self._spool is None:
            return partial(self._send_only, transport.send)
        return transport.send

    def _send_only(self, send: Send, key: str, value: str) -> None:
        """Sends an event, after which no other is accepted until it has left the queue."""
        send(key, value)
        self._close_for_one()

    def _close_for_one(self) -> None:
        self.gate.queue_filled()
        if not self.connection.queued():  # it has left before, so that no poll opens the gate
            self.gate.queue_drained()

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

    def _append_to_backlog(self, append: Append, key: bytes, event: bytes) -> None:
        """Appends an event to the backlog, which later events follow until it is empty."""
        with self._lock:
            append(key, event)
            self.gate.last_spill_error = None
            if self._route is not Route.DISK and not self._finished:
                self._take_route(Route.DISK)

    def _move(
        self, spool: Spool, append: Append, key: bytes, event: bytes, group: AckGroup
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

    # Batches, each of which is on disk as one record.

    def _spill_group(self, spool: Spool, batch: Batch) -> None:
        """Appends a batch to the backlog.

        Raises:
            NotStoredError: there is no room.
        """
        try:
            with self._lock:
                spool.spill_group(batch.members, batch.body)
                self.gate.last_spill_error = None
                if self._route is not Route.DISK and not self._finished:
                    self._take_route(Route.DISK)
        except Exception as error:
            if is_interruption(error):
                raise
            self._cannot_write(spool, error)
            raise NotStoredError(str(error)) from None

    def _write_group(self, spool: Spool, batch: Batch) -> None:
        """Appends a batch to the spool, then sends its events.

        Raises:
            NotStoredError: other calls have used the room since it was reserved.
        """
        if batch.group is None:
            try:
                batch.group = spool.append_group(batch.members, batch.body)
            except Exception as error:
                if is_interruption(error):
                    raise
                self._cannot_write(spool, error)
                self.room_changed(error)
                raise NotStoredError(str(error)) from None
        group, send = batch.group, self.connection.open().send_reported
        report = group.report
        for key, event in batch.members[batch.sent :]:
            try:
                send(key, event, report)
            except BufferError:
                self._move(spool, spool.spill, key, event, group)
            except Exception as error:
                if is_interruption(error):
                    raise
                self.unsent(group, failure_of(error, key, event))
            batch.sent += 1

    def _send_group(self, batch: Batch) -> None:
        """Sends a batch that is in memory only."""
        for key, event in zip(batch.keys[batch.sent :], batch.events[batch.sent :], strict=True):
            try:
                self._send(key, event)  # an event that finds no room changes the route
            except BufferError:
                self._spill_or_park(key, event)
            except Exception as error:
                if is_interruption(error):
                    raise
                self._undelivered(failure_of(error, key.encode(), event.encode()))
            batch.sent += 1

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

    def lost(self, failure: Failure) -> None:
        """Reports an event that is given up."""
        self._lost += failure.given_up
        self._failed(failure)

    def _leave(self, spool: Spool, key: bytes, event: bytes, group: AckGroup) -> None:
        """Leaves an event to the next process, unless it is on no disk any more."""
        if group.is_lost:
            self.lost(spool.lost(key, event))
        else:
            spool.retain()

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
                self.lost(failure)

    def _cannot_write(self, spool: Spool, error: Exception) -> None:
        self.gate.last_spill_error = error
        text = f"spool write failed, make room in {spool.path}: {describe_error(error)}"
        self._log.log(logging.ERROR, "spool", text)

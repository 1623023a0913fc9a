"""Accepted events on their way out: each one is delivered, or reported once.

An event is numbered before it is put here, and numbers have no gaps, so one that then finds the
queue full is parked, not rejected; while any is parked, no further event is accepted. At most one
event per recording thread is parked.

With a spool, no event that can still be delivered is given up: what Kafka does not accept now is
spilled. While events of this client are pending on disk, later ones are spilled too, to keep their
order; once the disk has none, events are sent directly again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

from ._admission import Limits, NotStoredError
from ._batch import Batch
from ._count import Count
from ._drain import Drain
from ._errors import EkaError
from ._failure import Failed, Failure
from ._interrupts import is_interruption
from ._parking import Parked
from ._poller import Poller
from ._route import Route
from ._routes import Routes, Send
from ._spool.record import record_bytes
from ._spool.spool import Spool, SpoolStats
from ._transports.kafka import failure_of
from ._transports.transport import Transport
from ._wakeup import WakeUp

# A thread that records without a pause hardly lets another poll, which needs the interpreter. So
# after so many events it polls itself, which takes some microseconds.
_POLL_EVERY = 256


class Outbox(Routes):
    """Sends events through a transport, which the first event opens, and through a spool, if any.

    Args:
        connect: opens the transport.
        failed: receives each event that cannot be delivered.
        limits: how much the queue holds.
        open_spool: opens the spool; None for none.
        polled: called now and then while events are taken; must not raise.

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
        polled: Callable[[], object] = bool,
    ) -> None:
        super().__init__(connect, failed, limits)
        self._limits = limits
        self.gave_up = False
        self._taken = Count()
        self._polled = polled
        self._poller = Poller(self._poll, self.queued)
        self._closer: int | None = None
        self._closed = WakeUp()
        self._send: Send = self._open_route
        self._spool = open_spool(self) if open_spool else None
        self._drain = Drain(self.connection, self.queued, self._unpark, self._spool)
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

    def reserve(self, batch: Batch) -> EkaError | None:
        """Makes room for a batch that has no numbers yet; returns why there is none."""
        if self._route is Route.UNOPENED:
            self._open()
        spool = self._spool
        try:
            if self._goes_to_disk(len(batch)):
                batch.spills = True
                if spool is None:
                    return self.gate.full()
                spool.reserve_spill(record_bytes(batch.body))
            elif spool is not None and self._usual_route is Route.DURABLE:
                spool.reserve(record_bytes(batch.body))
        except Exception as error:
            if is_interruption(error):
                raise
            return self.gate.no_room(error)
        return None

    def put_many(self, batch: Batch) -> None:
        """Takes a batch whose events were numbered: all of them, or none. Never waits.

        It goes on where it was interrupted.

        Raises:
            NotStoredError: none was taken, as the batch cannot be written to disk.
            BaseException: an interruption.
        """
        spool = self._spool
        if spool is None:
            self._send_group(batch)
        elif batch.group is None and (batch.spills or self._route is Route.DISK):
            self._spill_group(spool, batch)
        elif self._usual_route is Route.DURABLE:
            self._write_group(spool, batch)
        else:
            self._send_group(batch)
        # One call takes all and stores them, so that no event counts twice or not at all.
        batch.taken.extend(islice(self._taken.numbers, len(batch)))
        if batch.taken[-1] % _POLL_EVERY < len(batch):
            self._poll()
        if self._poller.is_idle:
            self._poller.wake()
        if self._finished:
            self._give_up()  # shutdown() ended during this call

    def recover_many(self, batch: Batch) -> None:
        """Completes a batch whose `put_many` was interrupted; see `recover`."""
        if self._spool is not None and batch.numbers:
            self._spool.interrupted(len(batch))
        if batch.numbers and not batch.taken:
            try:
                self.put_many(batch)
            except NotStoredError:
                for key, event in zip(batch.keys, batch.events, strict=True):
                    self._parked.park(Parked(key, event))
                batch.taken.extend(islice(self._taken.numbers, len(batch)))
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

    def spool_share(self) -> float:
        """Returns how much of the spool's disk space is used, from 0 to 1; 0 without a spool."""
        return 0.0 if self._spool is None else self._spool.used_share()

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
            is_first = not self._finished
            left = self.queued() if is_first else 0
            self.gave_up = self.gave_up or left > 0
            self._finished = True
        if not self._closed.is_raised:
            self._give_up()
        self._closed.wake()
        self._poller.stop()
        return self._lost if is_first and self._spool is not None else left

    def detach(self) -> None:
        """Lets the process end without waiting for what was given up."""
        self.connection.detach()
        if self._spool is not None:
            self._spool.detach()

    def _open_route(self, key: str, value: str) -> None:
        """Opens the transport and starts the poller, then sends the first event."""
        self._open()(key, value)

    def _open(self) -> Send:
        """Opens the transport and starts the poller; returns what sends by the usual route."""
        self.begin()
        send = self._sender(self._usual_route)
        if self._start_poller():
            with self._lock:
                if self._route is Route.UNOPENED:
                    self._take_route(self._usual_route)
        return send

    def _goes_to_disk(self, count: int) -> bool:
        """Reports whether so many events have to go to disk only, to be accepted."""
        if self._route is Route.DISK:
            return True
        if self._usual_route is Route.DURABLE or self.queued() + count <= self._limits.events:
            return False
        self._poll()  # what is delivered counts as queued until then, and so do log lines
        return self.queued() + count > self._limits.events

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

    def _give_up(self) -> None:
        if self._spool is not None:
            self._spool.restore()
        self._parked.clear(self._abandon)
        self.connection.purge()
        if self._spool is not None:
            self._spool.release()

    def _abandon(self, parked: Parked) -> None:
        key, event = parked.key.encode(), parked.value.encode()
        if parked.group is not None and self._spool is not None:
            self._leave(self._spool, key, event, parked.group)
            return
        self._undelivered(Failure("the queue was full", key, event, given_up=True))

    def _unpark(self) -> None:
        """Sends parked events, as far as there is room."""
        if not self._holds_one or self._spool is not None:
            self._parked.unpark(self._resend)
        elif not self.connection.queued():
            is_any_parked = len(self._parked) > 0
            self._parked.unpark(self._resend)
            if is_any_parked:
                self._close_for_one()

    def _poll(self) -> None:
        """Receives delivery reports, which make room for parked events."""
        try:
            self.connection.poll()
            self._unpark()
            self._polled()
        except Exception as error:
            if is_interruption(error):
                raise
            self.connection.report(error)

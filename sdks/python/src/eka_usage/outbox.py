"""Accepted events on their way out: each one is delivered, or reported once.

An event is numbered before it is handed over, and numbers have no gaps, so one that then finds the
queue full is parked, not refused; while any is parked, no further event is accepted. At most one
event for each thread that records can be parked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from . import lifecycle
from .count import Count
from .errors import ClientClosedError, EkaError, QueueFullError, described
from .failure import Failed, Failure
from .reporting import RateLimitedLog
from .spool.journal import Group
from .spool.spool import Counts
from .transports.base import Transport
from .transports.kafka import refusal

# Short enough that finished events leave the queue well before it is full, long enough that the
# thread does not contend with callers for the interpreter.
_INTERVAL = 0.02
# In a thread that records without a pause no other hears of deliveries: each one needs the
# interpreter once. So after so many events it hears of them itself, some microseconds' work.
_TURN = 256
# While nothing is queued it only looks for what librdkafka has to say.
_REST = 0.5
# A wait for Kafka is cut in slices, so that the host's signal handlers run in between.
_SLICE = 0.2


class Parked(NamedTuple):
    """An event that found no room, and where it is on disk all the same."""

    key: str
    value: str
    group: Group | None = None


class Outbox:
    """Hands events to a transport, from the moment it is first used.

    Args:
        connect: makes the transport.
        failed: told of each event that is finally not delivered.
        limit: the size of the queue, in words.
    """

    def __init__(self, connect: Callable[[Failed], Transport], failed: Failed, limit: str) -> None:
        self._connect = connect
        self._failed = failed
        self._limit = limit
        # A signal handler may come in between, hence locks that their own thread can take again.
        # Neither is held while Kafka is waited for; `_parking` is never taken inside `_lock`.
        self._lock = threading.RLock()
        self._parking = threading.RLock()
        self._transport: Transport | None = None
        self._parked: deque[Parked] = deque()
        self._closer: int | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._finished = False
        # Whether anything was left when it was closed.
        self.gave_up = False
        self._log = RateLimitedLog()
        self._carry: Callable[[str, str], None] = self._start
        self._taken = Count()
        self._idle = False
        self._awake = threading.Event()
        # Says why no event can be accepted at the moment, or None where one can be after all;
        # callers look before they number an event.
        self.refusal: Callable[[], EkaError | None] | None = None

    def begin(self) -> None:
        """Does what is to be done before the first event."""

    def counts(self) -> Counts:
        """What a disk adds to the books."""
        return Counts()

    def open(self) -> Transport:
        """The transport, made when it is first asked for."""
        with self._lock:
            if self._transport is None:
                self._transport = self._connect(self._undelivered)
                lifecycle.flush_when_a_worker_ends()
            return self._transport

    def put(self, key: str, value: str) -> None:
        """Takes an event that was numbered. Never waits, never raises."""
        try:
            self._carry(key, value)
        except BufferError:
            self._park(key, value)
        except Exception as error:
            self._undelivered(refusal(error, key.encode(), value.encode()))
        if self._taken.next() % _TURN == 0:
            self._hear()
        if self._idle:
            self._awake.set()
        if self._finished:
            self._give_up()  # shutdown() ended while this call was on its way

    @property
    def taken(self) -> int:
        """How many events were taken, whatever became of them."""
        return self._taken.given_out

    def queued(self) -> int:
        """How many events are neither delivered nor failed."""
        return len(self._parked) + (self._transport.queued() if self._transport else 0)

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds, and returns how many events are still queued."""
        deadline = time.monotonic() + timeout
        while self._transport is not None:
            self._unpark()
            left = deadline - time.monotonic()
            try:
                self._transport.flush(max(0.0, min(left, _SLICE)))
            except Exception as error:  # an injected producer may raise whatever it likes
                self._broken(error)
                break
            if left <= 0 or not self.queued():
                break
        return self.queued()

    def close(self, timeout: float) -> int:
        """Accepts nothing more, flushes, gives up the rest, and returns how many that were.

        While one thread is at it, others wait for it, no longer than their own time. A signal
        handler that interrupts it cannot wait: it does the same in its turn.
        """
        me = threading.get_ident()
        with self._parking:
            self.refusal = _closed
        with self._lock:
            self._closer = self._closer or me
        if self._closer != me:
            self._stopped.wait(timeout)
        elif not self._finished:
            self._drain(timeout)
        with self._lock:
            left = 0 if self._finished else self.queued()
            self.gave_up = self.gave_up or left > 0
            self._finished = True
        if not self._stopped.is_set():
            self._give_up()
        self._stopped.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)
        return left

    def _drain(self, timeout: float) -> None:
        """Waits for what is queued, before the rest is given up."""
        self.flush(timeout)

    def outlive(self) -> None:
        """Lets the end of the process not wait for what was given up."""
        if self._transport is not None:
            self._transport.outlive()

    def after_fork(self) -> Callable[[Failed], Transport]:
        """In a forked child: makes the transport of the child's own outbox."""
        carried_on = self._transport.fork() if self._transport else None
        connect = self._connect
        return connect if carried_on is None else lambda _: carried_on

    def _start(self, key: str, value: str) -> None:
        """What a process that records nothing does without, and the first event."""
        transport = self.open()
        with self._lock:
            if self._thread is None:
                self._thread = self._started()
            if self._thread is not None:
                self._carry = self._carrier(transport)
        self._carrier(transport)(key, value)

    def _carrier(self, transport: Transport) -> Callable[[str, str], None]:
        """What takes an event, in the usual course of things."""
        return transport.send

    def _undelivered(self, failure: Failure) -> None:
        """What becomes of an event that the transport could not deliver."""
        self._failed(failure)

    def _started(self) -> threading.Thread | None:
        """The thread that hears of deliveries; None where the process cannot have one now."""
        thread = threading.Thread(target=self._run, name="eka-usage", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many threads, or the end of the interpreter is near
            self._broken(error)
            return None
        return thread

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            self._hear()
            if not self.queued():
                self._rest()

    def _hear(self) -> None:
        """Hears what became of events, which makes room for others."""
        try:
            if self._transport is not None:
                self._transport.poll()
            self._unpark()
        except Exception as error:
            self._broken(error)

    def _rest(self) -> None:
        """Waits for an event; what comes just before it begins to wait, it hears of a bit later."""
        self._awake.clear()
        self._idle = True
        self._awake.wait(_REST)
        self._idle = False

    def _broken(self, error: Exception) -> None:
        self._log.log(logging.ERROR, "transport", f"the producer raised {described(error)}")

    def _park(self, key: str, value: str, group: Group | None = None) -> None:
        with self._parking:
            self._parked.append(Parked(key, value, group))
            self.refusal = self.refusal or self._full

    def _unpark(self) -> None:
        """Hands over what was parked, in its order, as far as there is room."""
        with self._parking:
            for _ in range(len(self._parked)):
                key, value, _group = parked = self._parked[0]
                try:
                    self._again(parked)
                except BufferError:
                    return
                except Exception as error:
                    self._undelivered(refusal(error, key.encode(), value.encode()))
                self._parked.popleft()
            if self.refusal == self._full and not self._parked:
                self.refusal = None

    def _again(self, parked: Parked) -> None:
        """Hands over an event that was parked."""
        self._carry(parked.key, parked.value)

    def _abandon(self, parked: Parked) -> None:
        """Gives up an event that was parked."""
        key, event = parked.key.encode(), parked.value.encode()
        self._undelivered(Failure("it found the queue full", key, event, given_up=True))

    def _give_up(self) -> None:
        with self._parking:
            while self._parked:
                self._abandon(self._parked.popleft())
        if self._transport is not None:
            self._transport.purge()

    def _full(self) -> EkaError:
        return QueueFullError.of("queue.full", hint=self._limit)


def _closed() -> EkaError:
    return ClientClosedError.of("client.closed")

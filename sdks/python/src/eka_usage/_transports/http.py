"""The transport to the HTTP API: batches over one connection, one at a time, in their order."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from .._clock import monotonic
from .._failure import Failed, Failure
from .._generated.catalog import BATCH_MAX_BYTES, BATCH_MAX_EVENTS
from .._generated.settings import CLIENT_NAME
from .._interrupts import shared_lock
from .._process import uwsgi_will_fork
from .._reporting import RateLimitedLog, logger
from .._settings import Settings
from .._wakeup import WakeUp
from .._worker import Worker
from .http_api import HttpApi, Token

# The server itself waits up to 30 s for Kafka.
_LONGEST_REQUEST = 40.0
_LONGEST_PAUSE = 1.0
_LONGEST_RETRY_AFTER = 300.0
_SLICE = 0.01


class _Queued(NamedTuple):
    """An event, what receives its outcome, and when it expires."""

    key: bytes
    event: bytes
    report: tuple[Callable[[], object], Failed]
    expires: float


class HttpTransport:
    """Posts events from a thread of its own, each until the server has or refuses it.

    Args:
        failed: receives events of `send` that are not delivered.
    """

    needs_polling = True

    def __init__(self, settings: Settings, failed: Failed) -> None:
        self._report = (_nothing, failed)
        self._timeout_ms: int = settings["delivery_timeout_ms"]
        self._linger: float = settings["kafka_linger_ms"] / 1000
        self._retry_delay: float = settings["kafka_retry_delay_ms"] / 1000
        self._batch_bytes = min(settings["kafka_batch_size"], BATCH_MAX_BYTES)
        # One place less, for the event that finds the queue full and is parked.
        self._most_events = max(1, settings["max_queue_events"] - 1)
        self._most_bytes: int = settings["max_queue_bytes"]
        timeout = min(_LONGEST_REQUEST, self._timeout_ms / 1000)
        token = Token(settings["http_token"], settings.token_file)
        ca_location: str | None = settings["http_ca_location"]
        self._api = HttpApi(settings["http_url"], token, ca_location, timeout, logger.warning)
        self._lock = shared_lock()
        self._queue: deque[_Queued] = deque()
        self._bytes = 0
        self._in_flight: list[_Queued] = []
        self._reporting = 0
        self._worker: Worker | None = None
        self._stopped = WakeUp()
        self._awake = WakeUp()
        self._urgent = WakeUp()
        self._log = RateLimitedLog()

    def send(self, key: str, value: str) -> None:
        self._put(key.encode(), value.encode(), self._report)

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        return delivered, failed

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        self._put(key, event, report)

    def queued(self) -> int:
        return len(self._queue) + len(self._in_flight) + self._reporting

    def poll(self) -> None:
        self._api.expire()
        if self._queue:
            self._start()

    def flush(self, timeout: float) -> int:
        until = monotonic() + timeout
        while self.queued() and (left := until - monotonic()) > 0:
            self._start()
            self._api.expire()
            self._urgent.wake()
            WakeUp().wait(min(_SLICE, left))
        return self.queued()

    def purge(self) -> None:
        with self._lock:
            left = [*self._in_flight, *self._queue]
            self._in_flight = []
            self._queue.clear()
            self._bytes = 0
            self._worker = None
            # The next event starts another thread, and this one takes nothing more.
            self._stopped.wake()
            self._awake.wake()
            self._urgent.wake()
            self._stopped, self._awake, self._urgent = WakeUp(), WakeUp(), WakeUp()
        self._api.abort()
        for item in left:
            why = "the server did not acknowledge it in time"
            item.report[1](Failure(why, item.key, item.event, given_up=True))

    def detach(self) -> None:
        pass  # its thread is a daemon

    def fork(self) -> None:
        pass  # the child opens a connection of its own

    def _put(self, key: bytes, event: bytes, report: Any) -> None:
        expires = monotonic() + self._timeout_ms / 1000
        with self._lock:
            # The largest event has a place in an empty queue.
            is_full = self.queued() >= self._most_events or self._bytes >= self._most_bytes
            if is_full:
                raise BufferError("the queue is full")
            self._queue.append(_Queued(key, event, report, expires))
            self._bytes += len(event)
            if self._worker is None:
                self._start()
        self._awake.wake()
        if self._is_batch():
            self._urgent.wake()

    def _start(self) -> None:
        with self._lock:
            if self._worker is None and not uwsgi_will_fork():
                flags = (self._stopped, self._awake, self._urgent)
                worker = Worker(f"{CLIENT_NAME}-http", lambda: self._run(*flags))
                with suppress(RuntimeError):  # the interpreter is shutting down
                    worker.start()
                    self._worker = worker

    # From here on, what the thread does.

    def _run(self, stopped: WakeUp, awake: WakeUp, urgent: WakeUp) -> None:
        tries = 0
        while not stopped.is_raised:
            if not self._in_flight:
                if not self._queue:
                    awake.wait(_LONGEST_REQUEST)
                    awake.clear()
                    continue
                urgent.wait(self._until_due())
                urgent.clear()
            batch = self._take(stopped)
            if batch:
                pause = self._deliver(batch, stopped, tries)
                tries = tries + 1 if pause else 0
                stopped.wait(pause)
        self._api.close()

    def _until_due(self) -> float:
        """Returns how many seconds the next batch may wait for more events."""
        with self._lock:
            if not self._queue or self._is_batch():
                return 0.0
            queued_at = self._queue[0].expires - self._timeout_ms / 1000
        return queued_at + self._linger - monotonic()

    def _is_batch(self) -> bool:
        return len(self._queue) >= BATCH_MAX_EVENTS or self._bytes >= self._batch_bytes

    def _take(self, stopped: WakeUp) -> list[_Queued]:
        """Returns what is to be sent next, which counts as in flight until it is settled."""
        with self._lock:
            size = sum(len(item.event) + 1 for item in self._in_flight)
            while not stopped.is_raised and self._queue and len(self._in_flight) < BATCH_MAX_EVENTS:
                size += len(self._queue[0].event) + 1
                if self._in_flight and size > BATCH_MAX_BYTES:
                    break
                item = self._queue.popleft()
                self._bytes -= len(item.event)
                self._in_flight.append(item)
            return [] if stopped.is_raised else list(self._in_flight)

    def _deliver(self, batch: list[_Queued], stopped: WakeUp, tries: int) -> float:
        """Posts a batch, and returns how many seconds to wait before what is left goes again."""
        answer = self._api.post([item.event for item in batch])
        if not answer.why:
            self._settle(batch, stopped, None)
        elif not answer.final:
            return self._failed(answer.why, answer.retry_after, stopped, tries)
        elif answer.place is not None:
            self._settle([batch[answer.place]], stopped, answer.why)
        elif len(batch) == 1:
            self._settle(batch, stopped, answer.why)
        else:  # halves, until the one that is refused is found
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                if pause := self._deliver(part, stopped, tries):
                    return pause
        return 0.0

    def _failed(self, why: str, retry_after: float, stopped: WakeUp, tries: int) -> float:
        self._log.log(logging.WARNING, "http", f"events not delivered yet, retrying: {why}")
        longest = max(self._retry_delay, _LONGEST_PAUSE)
        pause = min(longest, self._retry_delay * 2.0 ** min(tries, 30))
        pause *= 0.75 + random.random() / 4  # noqa: S311
        pause = max(pause, min(retry_after, _LONGEST_RETRY_AFTER))
        now = monotonic()
        with self._lock:
            expired = [item for item in self._in_flight if item.expires <= now]
            if not stopped.is_raised and len(expired) == len(self._in_flight):
                while self._queue and self._queue[0].expires <= now:
                    expired.append(self._queue.popleft())
                    self._bytes -= len(expired[-1].event)
                    self._in_flight.append(expired[-1])
        self._settle(expired, stopped, f"not delivered within {self._timeout_ms} ms: {why}", False)
        first = next(iter([*self._in_flight[:1], *list(self._queue)[:1]]), None)
        return pause if first is None else max(0.001, min(pause, first.expires - now))

    def _settle(
        self, items: list[_Queued], stopped: WakeUp, why: str | None, final: bool = True
    ) -> None:
        """Reports the outcome of events in flight, unless they were given up meanwhile."""
        with self._lock:
            if stopped.is_raised or not items:
                return
            settled = set(map(id, items))
            self._in_flight = [item for item in self._in_flight if id(item) not in settled]
            self._reporting = len(items)
        try:
            for item in items:
                delivered, failed = item.report
                if why is None:
                    delivered()
                else:
                    failed(Failure(why, item.key, item.event, final=final))
        finally:
            self._reporting = 0


def _nothing() -> None:
    """What follows a delivery that nobody counts."""

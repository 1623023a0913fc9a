"""Sends events from disk in their order, a window at a time, until Kafka has all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from .._clock import monotonic
from .._count import Count
from .._describe import describe_error
from .._failure import Failed, Failure
from .._generated.settings import CLIENT_NAME
from .._process import uwsgi_will_fork
from .._reporting import RateLimitedLog, write_log
from .._wakeup import WakeUp
from .._worker import Worker
from .circuit_breaker import CircuitBreaker
from .record import Damage, Record
from .segment import Segment
from .segment_name import UNOWNED
from .tuning import Tuning

# A wait is cut in slices, after each of which the replayer checks whether it has to stop.
_SLICE = 0.05
# After so many seconds without events its connections are closed.
_IDLE = 10.0


class ReplayTransport(Protocol):
    """A transport that reports on each event, delivered or not; see `Transport`."""

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any: ...
    def send_reported(self, key: bytes, event: bytes, report: Any) -> None: ...
    def flush(self, timeout: float) -> int: ...
    def purge(self) -> None: ...
    def detach(self) -> None: ...


class ReplaySource(Protocol):
    """What there is to replay, and what becomes of it."""

    def replay_transport(self) -> ReplayTransport:
        """Makes a transport for replay."""
        ...

    def next_segment(self) -> tuple[Segment, bool] | None:
        """Returns the next segment and whether this client wrote it; None while there is none."""
        ...

    def put_back(self, segment: Segment, is_own: bool) -> None:
        """Receives a segment that could not be read, to be tried again after all others."""

    def expects_more(self) -> bool:
        """Reports whether there will be a next segment soon."""
        ...

    def count_adopted(self, events: int) -> None:
        """Receives how many events of others a segment holds."""

    def count_delivered(self, events: int, is_own: bool) -> None:
        """Receives how many events Kafka has, and whether this client accepted them."""

    def reject(self, failure: Failure, is_own: bool) -> None:
        """Receives an event that can never be delivered, and whether this client accepted it."""

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        """Returns what a transport's exception means for an event."""
        ...


class Replayer:
    """A thread that lives while there is something to replay."""

    def __init__(self, source: ReplaySource, tuning: Tuning) -> None:
        self._source = source
        self._tuning = tuning
        self._breaker = CircuitBreaker(tuning.retry_min, tuning.retry_max)
        self._stopped = WakeUp()
        self._awake = WakeUp()
        self._worker = Worker(f"{CLIENT_NAME}-replay", self._run)
        self._transport: ReplayTransport | None = None
        self._batch: ReplayBatch | None = None
        # When the next window of others' events may go.
        self._not_before = 0.0
        self._log = RateLimitedLog()

    def wake(self) -> None:
        """Replays what is pending now, on a thread that is started if there is none."""
        self._awake.wake()
        if not self._stopped.is_raised and not uwsgi_will_fork():
            with suppress(RuntimeError):  # the interpreter is shutting down
                self._worker.start()

    def stop(self) -> None:
        """Stops between two windows, and leaves the rest to the next process."""
        self._stopped.wake()
        self._awake.wake()
        self._worker.join(1)
        for segment in self.segments():
            segment.transfer_to(UNOWNED)
        self._batch = None

    def segments(self, *, is_own: bool | None = None) -> list[Segment]:
        """Returns the segment that is being replayed: any, this client's own, or another's."""
        batch = self._batch
        if batch is None or (is_own is not None and batch.is_own != is_own):
            return []
        return [batch.segment]

    def detach(self) -> None:
        """Lets the process end without waiting for its transport."""
        if self._transport is not None:
            self._transport.detach()

    def _run(self) -> None:
        idle_since = monotonic()
        while not self._stopped.is_raised:
            self._awake.clear()
            try:
                self._batch = self._batch or self._next_batch()
                if self._batch is not None:
                    self._replay(self._batch)
                    idle_since = monotonic()
                    continue
            except Exception as error:
                text = f"spool replay failed, retrying: {describe_error(error)}"
                self._log.log(logging.ERROR, "replay", text)
                self._stopped.wait(self._tuning.retry_min)
            if monotonic() - idle_since > _IDLE and self._transport is not None:
                self._transport.purge()  # it holds nothing, and may end its thread
                self._transport = None
            self._awake.wait(_SLICE if self._source.expects_more() else _IDLE)
        if self._transport is not None:
            self._transport.purge()

    def _next_batch(self) -> ReplayBatch | None:
        """Returns the next segment, read once."""
        found = self._source.next_segment()
        if found is None:
            return None
        segment, is_own = found
        try:
            items = segment.read()
        except Exception:
            self._source.put_back(segment, is_own)
            raise
        damaged = sum(isinstance(item, Damage) for item in items)
        if damaged:
            write_log(
                logging.ERROR,
                "segment %s is damaged in %d places; the other events are sent",
                segment.name,
                damaged,
            )
        records = [item for item in items if isinstance(item, Record)]
        if not is_own:
            self._source.count_adopted(len(records))
        return ReplayBatch(segment, is_own, records)

    def _replay(self, batch: ReplayBatch) -> None:
        segment, is_own, records = batch
        while records:
            size = self._window_size(records)
            if not is_own:
                self._stopped.wait(max(0.0, self._not_before - monotonic()))
                self._not_before = monotonic() + size / self._tuning.events_per_second
            window = records[:size]
            records[:size] = left = self._deliver(window, is_own)
            # A window may end within a group, which is acknowledged as a whole.
            segment.write_acked_offset(records[0].start if records else window[-1].end)
            if left:
                return
        self._batch = None
        segment.remove()

    def _window_size(self, records: list[Record]) -> int:
        """Returns how many of the records are in flight together."""
        for index, record in enumerate(records):
            if record.end - records[0].start > self._tuning.window_bytes:
                return max(index, 1)
        return len(records)

    def _deliver(self, window: list[Record], is_own: bool) -> list[Record]:
        """Returns what is left of a window: nothing, unless the replayer is stopped."""
        left = window
        while left and not self._stopped.is_raised:
            attempt = left
            if self._breaker.is_open:
                self._stopped.wait(self._breaker.pause())
                attempt = left[:1]
            if not self._stopped.is_raised:
                left = self._attempt(attempt, is_own) + left[len(attempt) :]
        return left

    def _attempt(self, records: list[Record], is_own: bool) -> list[Record]:
        """Sends records once, and returns those that are to be sent again."""
        if self._transport is None:
            self._transport = self._source.replay_transport()
        failures = self._send(self._transport, records)
        if failures is None:
            return records
        final = [failure for failure in failures if failure.final]
        passing = {(failure.key, failure.event) for failure in failures if not failure.final}
        left = [item for item in records if (item.key, item.event) in passing] if passing else []
        delivered = len(records) - len(left) - len(final)
        if delivered:
            self._breaker.reset()
            self._source.count_delivered(delivered, is_own)
        for failure in final:
            self._source.reject(failure, is_own)
        if left:
            reason = next(failure.why for failure in failures if not failure.final)
            self._log.log(logging.WARNING, "replay", f"spool replay failed, retrying: {reason}")
            self._breaker.trip()
        return left

    def _send(self, transport: ReplayTransport, records: Sequence[Record]) -> list[Failure] | None:
        """Returns what was not delivered; None if it is stopped before all is reported."""
        delivered = Count()
        failures: list[Failure] = []
        report = transport.reporter(delivered.next, failures.append)
        send = transport.send_reported
        for record in records:
            try:
                while not self._stopped.is_raised:
                    try:
                        send(record.key, record.event, report)
                    except BufferError:
                        transport.flush(_SLICE)
                    else:
                        break
            except Exception as error:
                failures.append(self._source.failure_of(error, record.key, record.event))
        while delivered.last + len(failures) < len(records):
            if self._stopped.is_raised:
                transport.purge()
                return None
            transport.flush(_SLICE)
        if failures:
            transport.flush(0)  # where a producer in a fatal state is replaced
        return failures


class ReplayBatch(NamedTuple):
    """A segment, whether this client wrote it, and its records that are not delivered."""

    segment: Segment
    is_own: bool
    records: list[Record]

"""Sends what is on disk: a window at a time, in its order, until Kafka has all of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from .._count import Count
from .._errors import described
from .._failure import Failed, Failure
from .._reporting import RateLimitedLog, say
from .._wakeup import WakeUp
from .breaker import Breaker
from .record import Damage, Record
from .segment import Segment
from .segment_name import UNOWNED
from .tuning import Tuning

# A wait is cut in slices, after each of which the replayer sees whether it is to stop.
_SLICE = 0.05
# As long as nothing comes, its connections are closed.
_IDLE = 10.0


class Carrier(Protocol):
    """What carries events away: of each one it is heard whether it was delivered."""

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any: ...
    def send_reported(self, key: bytes, event: bytes, report: Any) -> None: ...
    def flush(self, timeout: float) -> int: ...
    def purge(self) -> None: ...
    def outlive(self) -> None: ...


class ReplaySource(Protocol):
    """What there is to replay, and what becomes of it."""

    def connect(self) -> Carrier:
        """Makes the transport."""
        ...

    def next_segment(self) -> tuple[Segment, bool] | None:
        """Returns the next segment and whether this client wrote it; None while there is none."""
        ...

    def expects_more(self) -> bool:
        """Reports whether there will be a next segment soon."""
        ...

    def count_adopted(self, events: int) -> None:
        """Receives how many events of others a segment holds."""

    def count_delivered(self, events: int, is_own: bool) -> None:
        """Receives how many events Kafka has, and whether this client accepted them."""

    def dead_letter(self, failure: Failure, is_own: bool) -> None:
        """Receives an event that can never be delivered, and whether this client accepted it."""

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        """Returns what a transport's exception means for an event."""
        ...


class Replayer:
    """A thread that lives while there is something to replay."""

    def __init__(self, source: ReplaySource, tuning: Tuning) -> None:
        self._source = source
        self._tuning = tuning
        self._breaker = Breaker(tuning.retry_min, tuning.retry_max)
        self._stopped = WakeUp()
        self._awake = WakeUp()
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._carrier: Carrier | None = None
        self._work: _Work | None = None
        # When the next window of others' events may go.
        self._not_before = 0.0
        self._log = RateLimitedLog()

    def wake(self) -> None:
        """There may be something to replay."""
        self._awake.wake()
        with self._starting:
            if self._stopped.is_raised or self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="eka-usage-replay", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the end of the interpreter is near; the next process does it
                return
            self._thread = thread

    def stop(self) -> None:
        """Stops in the middle, and leaves the rest to whoever comes next."""
        self._stopped.wake()
        self._awake.wake()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)
        for segment in self.segments():
            segment.hand_to(UNOWNED)
        self._work = None

    def segments(self) -> list[Segment]:
        """What it works on."""
        work = self._work
        return [] if work is None else [work.segment]

    def outlive(self) -> None:
        """Lets the end of the process not wait for it."""
        if self._carrier is not None:
            self._carrier.outlive()

    def _run(self) -> None:
        idle_since = time.monotonic()
        while not self._stopped.is_raised:
            self._awake.clear()
            try:
                self._work = self._work or self._taken()
                if self._work is not None:
                    self._replay(self._work)
                    idle_since = time.monotonic()
                    continue
            except Exception as error:
                self._log.log(logging.ERROR, "replay", f"the spool's replay: {described(error)}")
                self._stopped.wait(self._tuning.retry_min)
            if time.monotonic() - idle_since > _IDLE:
                self._carrier = None
            self._awake.wait(_SLICE if self._source.expects_more() else _IDLE)
        if self._carrier is not None:
            self._carrier.purge()

    def _taken(self) -> _Work | None:
        """The next segment, read once."""
        found = self._source.next_segment()
        if found is None:
            return None
        segment, own = found
        items = segment.read()
        damaged = sum(isinstance(item, Damage) for item in items)
        if damaged:
            say(
                logging.ERROR,
                "the spool's segment %s is damaged in %d places; what is between them is sent",
                segment.name,
                damaged,
            )
        records = [item for item in items if isinstance(item, Record)]
        if not own:
            self._source.count_adopted(len(records))
        return _Work(segment, own, records)

    def _replay(self, work: _Work) -> None:
        segment, own, records = work
        while records:
            size = next(
                (
                    index
                    for index, item in enumerate(records)
                    if item.end - records[0].start > self._tuning.window_bytes
                ),
                len(records),
            )
            if not own:
                self._stopped.wait(max(0.0, self._not_before - time.monotonic()))
                self._not_before = time.monotonic() + size / self._tuning.events_per_second
            window = records[:size]
            records[:size] = left = self._deliver(window, own)
            segment.ack(left[0].start if left else window[-1].end)
            if left:
                return
        self._work = None
        segment.remove()

    def _deliver(self, window: list[Record], own: bool) -> list[Record]:
        """What is left of the window, which is nothing unless it is told to stop."""
        left = window
        while left and not self._stopped.is_raised:
            batch = left
            if self._breaker.is_open:
                self._stopped.wait(self._breaker.pause())
                batch = left[:1]
            if not self._stopped.is_raised:
                left = self._sent(batch, own) + left[len(batch) :]
        return left

    def _sent(self, batch: Sequence[Record], own: bool) -> list[Record]:
        """Those of a batch that are to be sent again."""
        if self._carrier is None:
            self._carrier = self._source.connect()
        failures = self._tried(self._carrier, batch)
        if failures is None:
            return list(batch)
        final = [failure for failure in failures if failure.final]
        passing = {(failure.key, failure.event) for failure in failures if not failure.final}
        left = [item for item in batch if (item.key, item.event) in passing] if passing else []
        delivered = len(batch) - len(left) - len(final)
        if delivered:
            self._breaker.delivered()
            self._source.count_delivered(delivered, own)
        for failure in final:
            self._source.dead_letter(failure, own)
        if left:
            self._breaker.refused()
        return left

    def _tried(self, carrier: Carrier, batch: Sequence[Record]) -> list[Failure] | None:
        """Why some were not delivered; None where it has to stop before all are heard of."""
        delivered = Count()
        failures: list[Failure] = []
        report = carrier.reporter(delivered.next, failures.append)
        send = carrier.send_reported
        for item in batch:
            try:
                while not self._stopped.is_raised:
                    try:
                        send(item.key, item.event, report)
                    except BufferError:
                        carrier.flush(_SLICE)
                    else:
                        break
            except Exception as error:
                failures.append(self._source.failure_of(error, item.key, item.event))
        while delivered.given_out + len(failures) < len(batch):
            if self._stopped.is_raised:
                carrier.purge()
                return None
            carrier.flush(_SLICE)
        return failures


class _Work(NamedTuple):
    """A segment, and what is not done of it."""

    segment: Segment
    own: bool
    records: list[Record]

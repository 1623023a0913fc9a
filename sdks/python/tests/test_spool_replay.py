"""Replay from disk: each event once, in order, at a limited rate; what failures change."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from eka_usage._failure import Failure
from eka_usage._spool import replayer
from eka_usage._spool.circuit_breaker import CircuitBreaker
from eka_usage._spool.record import Damage, Record
from eka_usage._spool.replayer import Replayer
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import EVENTS, UNOWNED
from eka_usage._spool.tuning import Tuning

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
    spooled_events,
)
from tests.waiting import eventually

MIN_PAUSE, MAX_PAUSE = 0.2, 30.0
COUNT = 100
EVENTS_PER_SECOND = 200
SMALL_WINDOW = FAST_TUNING._replace(window_bytes=500)
Answer = Literal["delivered", "refused", "rejected", "raises", "unreported"]


class FakeTransport:
    """A fake transport that reports outcomes on `flush()` and notes when it got each event."""

    def __init__(self, answer: Callable[[int], Answer], room: int) -> None:
        self.sent: list[tuple[float, bytes]] = []
        # The events between two flushes.
        self.batches: list[list[bytes]] = []
        self._answer = answer
        self._room = room
        self._waiting: list[tuple[Answer, Any, Failure]] = []

    def reporter(self, delivered: Callable[[], object], failed: Callable[[Failure], object]) -> Any:
        return delivered, failed

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        if len(self._waiting) >= self._room:
            raise BufferError
        answer = self._answer(len(self.sent))
        self.sent.append((time.monotonic(), event))
        if answer == "raises":
            raise ValueError(answer)
        self._waiting.append(
            (answer, report, Failure(answer, key, event, final=answer == "rejected"))
        )

    def flush(self, timeout: float) -> int:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            time.sleep(timeout)
            return 0
        self.batches.append([failure.event for _, _, failure in waiting])
        for answer, (delivered, failed), failure in waiting:
            if answer == "delivered":
                delivered()
            elif answer != "unreported":
                failed(failure)
        return 0

    def purge(self) -> None:
        """Has nothing to purge."""

    def detach(self) -> None:
        """Has no threads to detach."""


class Replay:
    """Replays one segment, and notes what the replayer reports."""

    def __init__(
        self,
        spool_dir: Path,
        tuning: Tuning,
        count: int,
        transport: FakeTransport,
        *,
        own: bool,
        fill: Callable[[SegmentLog], object] = lambda _: None,
    ):
        directory = open_directory(spool_dir)
        log = SegmentLog(directory, new_origin(), EVENTS, tuning)
        for seq in range(1, count + 1):
            log.append(b"ws-1", event(seq))
        fill(log)
        self.transport = transport
        self.adopted = self.delivered = 0
        self.dead_letters: list[bytes] = []
        self._own = own
        self._segment = log.pop_oldest()
        log.release()
        self.replayer = Replayer(self, tuning)
        self.replayer.wake()

    def replay_transport(self) -> FakeTransport:
        return self.transport

    def failure_of(self, error: BaseException, key: bytes, event: bytes) -> Failure:
        return Failure(str(error), key, event)

    def put_back(self, segment: Segment, is_own: bool) -> None:
        assert is_own == self._own
        self._segment = segment

    def expects_more(self) -> bool:
        return True

    def next_segment(self) -> tuple[Segment, bool] | None:
        segment, self._segment = self._segment, None
        return None if segment is None else (segment, self._own)

    def count_adopted(self, events: int) -> None:
        self.adopted += events

    def count_delivered(self, events: int, is_own: bool) -> None:
        assert is_own == self._own
        self.delivered += events

    def reject(self, failure: Failure, is_own: bool) -> None:
        assert is_own == self._own
        self.dead_letters.append(failure.event)


@pytest.fixture
def begin_replay(spool_dir: Path) -> Iterator[Callable[..., Replay]]:
    """Begins to replay a segment with so many events."""
    started: list[Replay] = []

    def begin(
        tuning: Tuning,
        count: int,
        *,
        own: bool = True,
        answer: Callable[[int], Answer] = lambda _: "delivered",
        room: int = 1000,
    ) -> Replay:
        started.append(Replay(spool_dir, tuning, count, FakeTransport(answer, room), own=own))
        return started[-1]

    yield begin
    for each in started:
        each.replayer.stop()


@pytest.fixture
def replay_all(
    begin_replay: Callable[..., Replay], spool_dir: Path
) -> Callable[..., FakeTransport]:
    """Replays a segment with so many events to the end, and returns the transport."""

    def send(tuning: Tuning, count: int, **arguments: Any) -> FakeTransport:
        found = begin_replay(tuning, count, **arguments)
        eventually(lambda: not segment_names(spool_dir))
        assert found.delivered == count
        return found.transport

    return send


def test_the_circuit_breaker_opens_on_a_refusal_and_closes_on_a_delivery() -> None:
    breaker = CircuitBreaker(MIN_PAUSE, MAX_PAUSE)
    states = [breaker.is_open]
    for report in (breaker.trip, breaker.reset, breaker.trip):
        report()
        states.append(breaker.is_open)
    assert states == [False, True, False, True]
    assert breaker.pause() <= MIN_PAUSE


def test_the_breakers_pause_doubles_up_to_its_maximum_with_jitter_of_up_to_half() -> None:
    breaker = CircuitBreaker(MIN_PAUSE, MAX_PAUSE)
    for number in range(12):
        breaker.trip()
        whole = min(MAX_PAUSE, MIN_PAUSE * 2**number)
        pauses = [breaker.pause() for _ in range(200)]
        assert whole / 2 <= min(pauses) < 0.6 * whole
        assert 0.9 * whole < max(pauses) <= whole


def test_after_a_refusal_single_events_probe_until_one_is_delivered(
    replay_all: Callable[..., FakeTransport],
) -> None:
    tuning = FAST_TUNING._replace(retry_min=0.1, retry_max=0.2)
    transport = replay_all(tuning, 10, answer=lambda sent: "refused" if sent < 12 else "delivered")
    whole, probe = [event(seq) for seq in range(1, 11)], [event(1)]
    # All are refused, then two probes; the third is delivered, and the others follow.
    assert transport.batches == [whole, probe, probe, probe, whole[1:]]
    pauses = [later - before for (before, _), (later, _) in pairwise(transport.sent[9:13])]
    assert pauses[0] >= 0.05
    assert all(pause >= 0.1 for pause in pauses[1:])


def test_adopted_events_are_replayed_no_faster_than_the_rate_limit(
    replay_all: Callable[..., FakeTransport],
) -> None:
    tuning = SMALL_WINDOW._replace(events_per_second=EVENTS_PER_SECOND)
    times = [sent for sent, _ in replay_all(tuning, COUNT, own=False).sent]
    for before, later in zip(times, times[EVENTS_PER_SECOND // 4 :], strict=False):
        assert later - before >= 0.15
    assert times[-1] - times[0] >= 0.8 * COUNT / EVENTS_PER_SECOND


def test_a_clients_own_events_are_replayed_without_a_rate_limit(
    replay_all: Callable[..., FakeTransport],
) -> None:
    tuning = SMALL_WINDOW._replace(events_per_second=1)
    times = [sent for sent, _ in replay_all(tuning, COUNT).sent]
    assert times[-1] - times[0] < COUNT / 2


def test_each_event_is_sent_once_in_order_and_one_window_at_a_time(
    replay_all: Callable[..., FakeTransport],
) -> None:
    transport = replay_all(SMALL_WINDOW, COUNT)
    assert [content for _, content in transport.sent] == [event(seq) for seq in range(1, COUNT + 1)]
    assert 10 < max(map(len, transport.batches)) < 30


def test_an_event_that_finds_the_queue_full_is_sent_once_there_is_room(
    replay_all: Callable[..., FakeTransport],
) -> None:
    transport = replay_all(FAST_TUNING, 10, room=4)
    whole = [event(seq) for seq in range(1, 11)]
    assert transport.batches == [whole[:4], whole[4:8], whole[8:]]


def test_an_event_on_which_the_transport_raises_is_sent_again(
    replay_all: Callable[..., FakeTransport],
) -> None:
    transport = replay_all(
        FAST_TUNING, 3, answer=lambda sent: "raises" if sent == 1 else "delivered"
    )
    assert transport.batches == [[event(1), event(3)], [event(2)]]


def test_permanently_rejected_events_are_dead_lettered_and_the_others_delivered(
    begin_replay: Callable[..., Replay], spool_dir: Path
) -> None:
    answers: list[Answer] = ["delivered", "rejected", "refused", "delivered", "rejected"]
    found = begin_replay(
        FAST_TUNING, 5, answer=lambda sent: answers[sent] if sent < 5 else "delivered"
    )
    eventually(lambda: not segment_names(spool_dir))
    assert found.dead_letters == [event(2), event(5)]
    assert found.delivered == 3
    assert found.transport.batches[1:] == [[event(3)]]


@pytest.mark.parametrize("own", [True, False])
def test_only_events_that_other_clients_accepted_count_as_adopted(
    own: bool, begin_replay: Callable[..., Replay], spool_dir: Path
) -> None:
    found = begin_replay(FAST_TUNING, 5, own=own)
    eventually(lambda: not segment_names(spool_dir))
    assert found.adopted == (0 if own else 5)


@pytest.mark.parametrize("last_answer", ["unreported", "refused"])
def test_a_stopped_replay_leaves_the_unacked_events_and_at_most_a_window_more(
    last_answer: Answer, begin_replay: Callable[..., Replay], spool_dir: Path
) -> None:
    """The next client sends only the last window again."""
    silent = COUNT // 2
    found = begin_replay(
        SMALL_WINDOW, COUNT, answer=lambda sent: "delivered" if sent < silent else last_answer
    )
    eventually(lambda: len(found.transport.sent) > silent)
    found.replayer.stop()
    [name] = segment_names(spool_dir)
    assert name.owner == UNOWNED
    left = spooled_events(spool_dir)
    assert left == [event(seq) for seq in range(COUNT - len(left) + 1, COUNT + 1)]
    assert COUNT - silent <= len(left) < COUNT - silent + 30
    assert found.delivered <= silent


def test_a_failed_write_of_the_acked_offset_counts_no_event_twice(
    begin_replay: Callable[..., Replay], spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = Segment.write_acked_offset, list[int]()

    def failing(segment: Segment, offset: int) -> None:
        if not failed:
            failed.append(offset)
            raise OSError(5, "Input/output error")
        real(segment, offset)

    monkeypatch.setattr(Segment, "write_acked_offset", failing)
    found = begin_replay(SMALL_WINDOW, COUNT)
    eventually(lambda: not segment_names(spool_dir))
    assert failed
    assert found.delivered == len(found.transport.sent) == COUNT


def test_an_idle_replayer_closes_its_connections(
    begin_replay: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "_IDLE", 0.05)
    idle = begin_replay(FAST_TUNING, 3)
    eventually(lambda: idle.delivered == 3)
    eventually(lambda: idle.replayer._transport is None)


def test_a_segment_that_cannot_be_read_is_read_again(
    begin_replay: Callable[..., Replay], spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Segment) -> list[Record | Damage]:
        monkeypatch.undo()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Segment, "read", fail)
    replay = begin_replay(FAST_TUNING, 5)
    eventually(lambda: replay.delivered == 5)
    eventually(lambda: not segment_names(spool_dir))

"""How what is on disk is sent: once, in its order, and at what pace; and what a refusal changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from eka_usage.failure import Failure
from eka_usage.spool import replay
from eka_usage.spool.breaker import Breaker
from eka_usage.spool.directory import Directory
from eka_usage.spool.format import EVENTS, NOBODY
from eka_usage.spool.journal import Journal
from eka_usage.spool.replay import Replayer, Source
from eka_usage.spool.segment import Segment
from eka_usage.spool.tuning import Tuning

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    segment_names,
    spooled_events,
)
from tests.waiting import eventually

SHORTEST, LONGEST = 0.2, 30.0
COUNT = 100
A_SECOND = 200
SMALL = FAST_TUNING._replace(window_bytes=500)
Answer = Literal["taken", "not now", "never", "raises", "silence"]


class Carrier:
    """Says what became of events when it is flushed, and remembers when each one came."""

    def __init__(self, answer: Callable[[int], Answer], room: int) -> None:
        self.sent: list[tuple[float, bytes]] = []
        # What came between two flushes.
        self.batches: list[list[bytes]] = []
        self._answer = answer
        self._room = room
        self._waiting: list[tuple[Answer, Any, Failure]] = []

    def reporter(
        self, delivered_events: Callable[[], object], failed: Callable[[Failure], object]
    ) -> Any:
        return delivered_events, failed

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        if len(self._waiting) >= self._room:
            raise BufferError
        answer = self._answer(len(self.sent))
        self.sent.append((time.monotonic(), event))
        if answer == "raises":
            raise ValueError(answer)
        self._waiting.append((answer, report, Failure(answer, key, event, final=answer == "never")))

    def flush(self, timeout: float) -> int:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            time.sleep(timeout)
            return 0
        self.batches.append([failure.event for _, _, failure in waiting])
        for answer, (delivered_events, failed), failure in waiting:
            if answer == "taken":
                delivered_events()
            elif answer != "silence":
                failed(failure)
        return 0

    def purge(self) -> None:
        """Keeps nothing."""

    def outlive(self) -> None:
        """Has no threads."""


class Replay:
    """A segment that is replayed, and what was heard of it."""

    def __init__(self, spool_dir: Path, tuning: Tuning, count: int, carrier: Carrier, *, own: bool):
        directory = Directory(spool_dir, 1 << 20)
        directory.prepare()
        journal = Journal(directory, new_origin(), EVENTS, tuning)
        for seq in range(1, count + 1):
            journal.append(b"ws-1", event(seq))
        self.carrier = carrier
        self.adopted = self.delivered = 0
        self.buried: list[bytes] = []
        self._own = own
        self._segment = journal.take()
        journal.release()
        source = Source(
            connect=lambda: carrier,
            next=self._next,
            waits=lambda: True,
            adopted=self._adopted,
            delivered=self._delivered,
            buried=self._buried,
            refused=lambda error, key, content: Failure(str(error), key, content),
        )
        self.replayer = Replayer(source, tuning)
        self.replayer.wake()

    def _next(self) -> tuple[Segment, bool] | None:
        segment, self._segment = self._segment, None
        return None if segment is None else (segment, self._own)

    def _adopted(self, spooled_events: int) -> None:
        self.adopted += spooled_events

    def _delivered(self, spooled_events: int, own: bool) -> None:
        assert own == self._own
        self.delivered += spooled_events

    def _buried(self, failure: Failure, own: bool) -> None:
        assert own == self._own
        self.buried.append(failure.event)


@pytest.fixture
def begun(spool_dir: Path) -> Iterator[Callable[..., Replay]]:
    """Begins to send events that wait in a segment."""
    started: list[Replay] = []

    def begin(
        tuning: Tuning,
        count: int,
        *,
        own: bool = True,
        answer: Callable[[int], Answer] = lambda _: "taken",
        room: int = 1000,
    ) -> Replay:
        started.append(Replay(spool_dir, tuning, count, Carrier(answer, room), own=own))
        return started[-1]

    yield begin
    for each in started:
        each.replayer.stop()


@pytest.fixture
def replayed(begun: Callable[..., Replay], spool_dir: Path) -> Callable[..., Carrier]:
    """Sends events that wait in a segment; the carrier that took them."""

    def send(tuning: Tuning, count: int, **arguments: Any) -> Carrier:
        found = begun(tuning, count, **arguments)
        eventually(lambda: not segment_names(spool_dir))
        assert found.delivered == count
        return found.carrier

    return send


def test_a_breaker_is_closed_until_something_is_refused_and_after_a_delivery() -> None:
    breaker = Breaker(SHORTEST, LONGEST)
    states = [breaker.is_open]
    for hear in (breaker.refused, breaker.delivered, breaker.refused):
        hear()
        states.append(breaker.is_open)
    assert states == [False, True, False, True]
    assert breaker.pause() <= SHORTEST


def test_its_pause_doubles_up_to_the_longest_and_chance_takes_off_a_half_at_most() -> None:
    breaker = Breaker(SHORTEST, LONGEST)
    for number in range(12):
        breaker.refused()
        whole = min(LONGEST, SHORTEST * 2**number)
        pauses = [breaker.pause() for _ in range(200)]
        assert whole / 2 <= min(pauses) < 0.6 * whole
        assert 0.9 * whole < max(pauses) <= whole


def test_after_a_refusal_one_event_goes_alone_until_one_is_delivered(
    replayed: Callable[..., Carrier],
) -> None:
    tuning = FAST_TUNING._replace(retry_min=0.1, retry_max=0.2)
    carrier = replayed(tuning, 10, answer=lambda sent: "not now" if sent < 12 else "taken")
    whole, probe = [event(seq) for seq in range(1, 11)], [event(1)]
    # All are refused, then two probes; the third is taken, and the others follow.
    assert carrier.batches == [whole, probe, probe, probe, whole[1:]]
    pauses = [later - before for (before, _), (later, _) in pairwise(carrier.sent[9:13])]
    assert pauses[0] >= 0.05
    assert all(pause >= 0.1 for pause in pauses[1:])


def test_what_was_adopted_is_sent_no_faster_than_the_bound(
    replayed: Callable[..., Carrier],
) -> None:
    tuning = SMALL._replace(events_per_second=A_SECOND)
    times = [sent for sent, _ in replayed(tuning, COUNT, own=False).sent]
    for before, later in zip(times, times[A_SECOND // 4 :], strict=False):
        assert later - before >= 0.15
    assert times[-1] - times[0] >= 0.8 * COUNT / A_SECOND


def test_a_clients_own_events_wait_for_no_such_bound(replayed: Callable[..., Carrier]) -> None:
    tuning = SMALL._replace(events_per_second=1)
    times = [sent for sent, _ in replayed(tuning, COUNT).sent]
    assert times[-1] - times[0] < COUNT / 2


def test_each_event_is_sent_once_in_its_order_and_a_window_at_a_time(
    replayed: Callable[..., Carrier],
) -> None:
    carrier = replayed(SMALL, COUNT)
    assert [content for _, content in carrier.sent] == [event(seq) for seq in range(1, COUNT + 1)]
    assert 10 < max(map(len, carrier.batches)) < 30


def test_what_finds_the_queue_full_is_sent_when_there_is_room(
    replayed: Callable[..., Carrier],
) -> None:
    carrier = replayed(FAST_TUNING, 10, room=4)
    whole = [event(seq) for seq in range(1, 11)]
    assert carrier.batches == [whole[:4], whole[4:8], whole[8:]]


def test_what_the_carrier_does_not_take_at_all_is_sent_again(
    replayed: Callable[..., Carrier],
) -> None:
    carrier = replayed(FAST_TUNING, 3, answer=lambda sent: "raises" if sent == 1 else "taken")
    assert carrier.batches == [[event(1), event(3)], [event(2)]]


def test_what_no_retry_helps_is_buried_and_the_others_are_delivered(
    begun: Callable[..., Replay], spool_dir: Path
) -> None:
    answers: list[Answer] = ["taken", "never", "not now", "taken", "never"]
    found = begun(FAST_TUNING, 5, answer=lambda sent: answers[sent] if sent < 5 else "taken")
    eventually(lambda: not segment_names(spool_dir))
    assert found.buried == [event(2), event(5)]
    assert found.delivered == 3
    assert found.carrier.batches[1:] == [[event(3)]]


@pytest.mark.parametrize("own", [True, False])
def test_what_others_accepted_is_counted_when_it_is_taken_over(
    own: bool, begun: Callable[..., Replay], spool_dir: Path
) -> None:
    found = begun(FAST_TUNING, 5, own=own)
    eventually(lambda: not segment_names(spool_dir))
    assert found.adopted == (0 if own else 5)


@pytest.mark.parametrize("unheard", ["silence", "not now"])
def test_who_is_stopped_in_the_middle_leaves_what_was_not_heard_of_and_little_else(
    unheard: Answer, begun: Callable[..., Replay], spool_dir: Path
) -> None:
    """The last window is sent again by whoever comes next, and no other."""
    silent = COUNT // 2
    found = begun(SMALL, COUNT, answer=lambda sent: "taken" if sent < silent else unheard)
    eventually(lambda: len(found.carrier.sent) > silent)
    found.replayer.stop()
    [name] = segment_names(spool_dir)
    assert name.owner == NOBODY
    left = spooled_events(spool_dir)
    assert left == [event(seq) for seq in range(COUNT - len(left) + 1, COUNT + 1)]
    assert COUNT - silent <= len(left) < COUNT - silent + 30
    assert found.delivered <= silent


def test_a_mark_that_cannot_be_written_makes_no_event_count_twice(
    begun: Callable[..., Replay], spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = Segment.ack, list[int]()

    def failing(segment: Segment, offset: int) -> None:
        if not failed:
            failed.append(offset)
            raise OSError(5, "Input/output error")
        real(segment, offset)

    monkeypatch.setattr(Segment, "ack", failing)
    found = begun(SMALL, COUNT)
    eventually(lambda: not segment_names(spool_dir))
    assert failed
    assert found.delivered == len(found.carrier.sent) == COUNT


def test_who_has_nothing_to_replay_closes_its_connections(
    begun: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "_IDLE", 0.05)
    idle = begun(FAST_TUNING, 3)
    eventually(lambda: idle.delivered == 3)
    eventually(lambda: idle.replayer._carrier is None)

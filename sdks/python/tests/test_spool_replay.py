"""How fast what is on disk is sent, and how a broker that refuses it is left in peace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eka_usage.failure import Failure
from eka_usage.spool.breaker import Breaker
from eka_usage.spool.directory import Directory
from eka_usage.spool.format import EVENTS
from eka_usage.spool.journal import Journal
from eka_usage.spool.replay import Replayer, Source
from eka_usage.spool.tuning import Tuning

from sdks.python.tests.spooling import QUICK, event, names, origin
from sdks.python.tests.support import eventually

SHORTEST, LONGEST = 0.2, 30.0
COUNT = 100
A_SECOND = 200


class Carrier:
    """Refuses what it is told to, and remembers when each event came."""

    def __init__(self, refuses: Callable[[int], bool]) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self._refuses = refuses
        self._waiting: list[tuple[bool, Any, Failure]] = []

    def reporter(self, delivered: Callable[[], object], failed: Callable[[Failure], object]) -> Any:
        return delivered, failed

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        self._waiting.append(
            (self._refuses(len(self.sent)), report, Failure("not now", key, event))
        )
        self.sent.append((time.monotonic(), event))

    def flush(self, timeout: float) -> int:
        waiting, self._waiting = self._waiting, []
        for refused, (delivered, failed), failure in waiting:
            if refused:
                failed(failure)
            else:
                delivered()
        return 0

    def purge(self) -> None:
        """Keeps nothing."""

    def outlive(self) -> None:
        """Has no threads."""


@pytest.fixture
def replayed(folder: Path) -> Iterator[Callable[..., Carrier]]:
    """Sends events that wait in a segment; the carrier that took them."""
    started: list[Replayer] = []

    def replay(
        tuning: Tuning, count: int, *, own: bool, refuses: Callable[[int], bool] = lambda _: False
    ) -> Carrier:
        directory = Directory(folder, 1 << 20)
        directory.prepare()
        journal = Journal(directory, origin(), EVENTS, tuning)
        for seq in range(1, count + 1):
            journal.append(b"ws-1", event(seq))
        segment, carrier, delivered = journal.take(), Carrier(refuses), [0]
        journal.release()
        assert segment is not None
        work = [(segment, own)]

        def heard(events: int, _own: bool) -> None:
            delivered[0] += events

        source = Source(
            connect=lambda: carrier,
            next=lambda: work.pop() if work else None,
            waits=lambda: False,
            adopted=lambda _: None,
            delivered=heard,
            buried=lambda *_: None,
            refused=lambda error, key, content: Failure(str(error), key, content),
        )
        started.append(Replayer(source, tuning))
        started[-1].wake()
        eventually(lambda: delivered[0] == count)
        return carrier

    yield replay
    for replayer in started:
        replayer.stop()


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
    replayed: Callable[..., Carrier], folder: Path
) -> None:
    tuning = QUICK._replace(retry_min=0.1, retry_max=0.2)
    carrier = replayed(tuning, 10, own=True, refuses=lambda sent: sent < 13)
    times, contents = zip(*carrier.sent, strict=True)
    whole, probe = [event(seq) for seq in range(1, 11)], event(1)
    # All are refused, then three probes; the fourth is taken, and the others follow.
    assert list(contents) == [*whole, probe, probe, probe, probe, *whole[1:]]
    pauses = [later - before for before, later in pairwise(times[9:14])]
    assert pauses[0] >= 0.05
    assert all(pause >= 0.1 for pause in pauses[1:])
    assert times[14] - times[13] < 0.05
    eventually(lambda: names(folder) == [])


def test_what_was_adopted_is_sent_no_faster_than_the_bound(
    replayed: Callable[..., Carrier],
) -> None:
    tuning = QUICK._replace(window_bytes=500, events_per_second=A_SECOND)
    times = [sent for sent, _ in replayed(tuning, COUNT, own=False).sent]
    for before, later in zip(times, times[A_SECOND // 4 :], strict=False):
        assert later - before >= 0.15
    assert times[-1] - times[0] >= 0.8 * COUNT / A_SECOND


def test_a_clients_own_events_wait_for_no_such_bound(replayed: Callable[..., Carrier]) -> None:
    tuning = QUICK._replace(window_bytes=500, events_per_second=1)
    times = [sent for sent, _ in replayed(tuning, COUNT, own=True).sent]
    assert times[-1] - times[0] < COUNT / 2

"""Clients of one folder: what one took from another, and which events go first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from eka_usage import EkaClient, spooling
from eka_usage.spool.format import NOBODY
from eka_usage.spool.segment import Segment

from sdks.python.tests.spooling import QUICK, balanced, ids, names
from sdks.python.tests.support import NO_BROKER, VALID, Heard, Scripted, eventually

EVENTS = 5


class Holding(Scripted):
    """A producer that reports on nothing until it is told to deliver."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self._held: list[Callable[[Any, Any], None]] = []
        self._delivers = False

    def _hold(self, *, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        if self._delivers:
            on_delivery(None, None)
        else:
            self._held.append(on_delivery)

    def deliver(self) -> None:
        """Reports that all was delivered, from now on at once."""
        self._delivers = True
        while self._held:
            self._held.pop()(None, None)

    def flush(self, timeout: float) -> int:
        time.sleep(min(timeout, 0.01))
        return len(self._held)


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EkaClient]:
    """Makes clients of producers of the test's own."""
    monkeypatch.setattr(spooling, "TUNING", QUICK)

    def make(producer: Holding, spool: Any = "spill") -> EkaClient:
        queue = 4 * EVENTS
        return EkaClient(
            "checkout",
            producer=producer,
            spool=spool,
            spool_dir=str(folder),
            max_queue_events=queue,
        )

    return make


@pytest.fixture
def left(client: Callable[..., EkaClient], folder: Path) -> Callable[[], None]:
    """Lets a client end whose producer took nothing, and another adopt what it left."""

    def leave() -> None:
        with client(Holding()) as other:
            for _ in range(EVENTS):
                other.record(**VALID)
        eventually(lambda: any(name.owner not in {name.origin, NOBODY} for name in names(folder)))

    return leave


def all_hearts_beat(folder: Path) -> bool:
    """Whether each segment in it is seen to have an owner who lives."""

    def beats() -> dict[str, int]:
        found = {}
        for name in names(folder):
            segment = Segment.open(folder, name, write=False)
            found[str(name)] = segment.heartbeat()
            segment.close()
        return found

    before = beats()
    time.sleep(3 * QUICK.heartbeat)
    after = beats()
    return before.keys() == after.keys() and all(after[name] > before[name] for name in after)


def test_what_others_left_waits_while_more_than_a_quarter_of_the_queue_is_taken(
    client: Callable[..., EkaClient], left: Callable[[], None], folder: Path
) -> None:
    producer = Holding()
    with client(producer) as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        left()
        time.sleep(0.2)
        assert heir.stats().adopted == 0
        producer.deliver()
        eventually(lambda: heir.stats().replayed == EVENTS)
    assert names(folder) == []


def test_what_was_taken_over_and_not_sent_is_given_back(
    client: Callable[..., EkaClient], left: Callable[[], None], folder: Path
) -> None:
    with client(Holding()) as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        left()
    assert len(ids(folder)) == 2 * EVENTS + 1
    assert {name.owner for name in names(folder)} == {NOBODY}


def test_the_heart_of_a_client_beats_in_each_of_its_segments(
    client: Callable[..., EkaClient], left: Callable[[], None], folder: Path
) -> None:
    with client(Holding(), "durable") as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        eventually(lambda: all_hearts_beat(folder))
        left()  # which waits until its own events leave room for it
        eventually(lambda: all_hearts_beat(folder))
    with client(Holding()) as heir:
        eventually(lambda: heir.stats().adopted >= EVENTS)  # which are on their way
        eventually(lambda: all_hearts_beat(folder))


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_shutdown_never_raises_whatever_the_disk_does(
    mode: str,
    client: Callable[..., EkaClient],
    left: Callable[[], None],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> bool:
        raise OSError(5, "Input/output error")

    heir = client(Holding(), mode)
    for _ in range(EVENTS + 1):
        heir.record(**VALID)
    left()
    monkeypatch.setattr(Segment, "hand_to", failing)
    assert heir.shutdown() == 0
    assert len(ids(folder)) == 2 * EVENTS + 1


def test_an_own_event_that_is_refused_for_ever_when_it_is_replayed_has_failed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    monkeypatch.setattr(spooling, "TUNING", QUICK)
    answers = [
        KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED),
        KafkaError(KafkaError.REQUEST_TIMED_OUT),
    ]

    def produce(*, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        on_delivery(answers.pop(), None)

    with EkaClient(
        "checkout", producer=Scripted(produce), spool_dir=str(folder), spool="spill", on_error=heard
    ) as client:
        client.record(**VALID)
        assert client.flush(10) == 0
        stats = client.stats()
        assert (stats.failed, stats.dead_lettered, stats.spooled) == (1, 1, 0)
    assert heard.codes == ["delivery.failed"]
    assert len(ids(folder, "dead")) == 1


def test_what_others_took_is_waited_for_no_more(
    spooling_to: Callable[..., EkaClient], folder: Path
) -> None:
    client = spooling_to("spill", kafka_brokers=NO_BROKER, max_queue_events=EVENTS)
    while client.stats().spooled < EVENTS:
        client.record(**VALID)
    for name in names(folder):
        segment = Segment.open(folder, name)
        assert segment.hand_to("ab" * 16)
        segment.end_appends()
    client.record(**VALID)
    spool = client._outbox._spool  # type: ignore[attr-defined]
    eventually(lambda: spool.pending == 1)
    assert client.stats().spooled == EVENTS + 1
    assert balanced(client)

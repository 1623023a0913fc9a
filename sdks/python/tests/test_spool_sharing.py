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

from sdks.python.tests.spool_support import FAST_TUNING, segment_names, spooled_ids
from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    ReportedErrors,
    ScriptedProducer,
    counters_balance,
)
from tests.waiting import eventually

EVENTS = 5


class Holding(ScriptedProducer):
    """A producer that reports on nothing until it is told to deliver, or on one event a pause."""

    def __init__(self, pause: float = 0) -> None:
        super().__init__(self._hold)
        self._pause = pause
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
        time.sleep(self._pause or min(timeout, 0.01))
        if self._pause and self._held:
            self._held.pop(0)(None, None)
        return len(self._held)


@pytest.fixture
def client(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ClientFactory:
    """Makes clients of producers of the test's own."""
    monkeypatch.setattr(spooling, "TUNING", FAST_TUNING)

    def make(producer: ScriptedProducer, spool: Any = "spill", **arguments: Any) -> EkaClient:
        return EkaClient(
            "checkout",
            producer=producer,
            spool=spool,
            spool_dir=str(spool_dir),
            max_queue_events=4 * EVENTS,
            **arguments,
        )

    return make


@pytest.fixture
def left(client: ClientFactory, spool_dir: Path) -> Callable[[], None]:
    """Lets a client end whose producer took nothing, and another adopt what it left."""

    def leave() -> None:
        with client(Holding()) as other:
            for _ in range(EVENTS):
                other.record(**VALID)
        eventually(
            lambda: any(
                name.owner not in {name.origin, NOBODY} for name in segment_names(spool_dir)
            )
        )

    return leave


def all_hearts_beat(spool_dir: Path) -> bool:
    """Whether each segment in it is seen to have an owner who lives."""

    def beats() -> dict[str, int]:
        found = {}
        for name in segment_names(spool_dir):
            segment = Segment.open(spool_dir, name, write=False)
            found[str(name)] = segment.heartbeat()
            segment.close()
        return found

    before = beats()
    time.sleep(3 * FAST_TUNING.heartbeat)
    after = beats()
    return before.keys() == after.keys() and all(after[name] > before[name] for name in after)


def test_what_others_left_waits_while_more_than_a_quarter_of_the_queue_is_taken(
    client: ClientFactory, left: Callable[[], None], spool_dir: Path
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
    assert segment_names(spool_dir) == []


def test_what_was_taken_over_and_not_sent_is_given_back(
    client: ClientFactory, left: Callable[[], None], spool_dir: Path
) -> None:
    with client(Holding()) as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        left()
    assert len(spooled_ids(spool_dir)) == 2 * EVENTS + 1
    assert {name.owner for name in segment_names(spool_dir)} == {NOBODY}


def test_the_heart_of_a_client_beats_in_each_of_its_segments(
    client: ClientFactory, left: Callable[[], None], spool_dir: Path
) -> None:
    with client(Holding(), "durable") as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        eventually(lambda: all_hearts_beat(spool_dir))
        left()  # which waits until its own events leave room for it
        eventually(lambda: all_hearts_beat(spool_dir))
    with client(Holding()) as heir:
        eventually(lambda: heir.stats().adopted >= EVENTS)  # which are on their way
        eventually(lambda: all_hearts_beat(spool_dir))


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_shutdown_never_raises_whatever_the_disk_does(
    mode: str,
    client: ClientFactory,
    left: Callable[[], None],
    spool_dir: Path,
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
    assert len(spooled_ids(spool_dir)) == 2 * EVENTS + 1


def refusing(*codes: int) -> ScriptedProducer:
    """A producer that reports these errors, one for each event."""
    answers = [KafkaError(code) for code in codes]

    def produce(*, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        on_delivery(answers.pop(0), None)

    return ScriptedProducer(produce)


def test_an_own_event_that_is_refused_for_ever_when_it_is_replayed_has_failed(
    client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    producer = refusing(KafkaError.REQUEST_TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with client(producer, on_error=errors) as own:
        own.record(**VALID)
        assert own.flush(10) == 0
        stats = own.stats()
        assert (stats.failed, stats.dead_lettered, stats.spooled) == (1, 1, 0)
    assert errors.codes == ["delivery.failed"]
    assert len(spooled_ids(spool_dir, "dead")) == 1


def test_what_others_accepted_and_kafka_refuses_for_ever_is_heard_of_and_not_counted_as_failed(
    client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    with client(Holding()) as other:
        other.record(**VALID)
    with client(refusing(KafkaError.TOPIC_AUTHORIZATION_FAILED), on_error=errors) as heir:
        eventually(lambda: heir.stats().dead_lettered == 1)
        eventually(lambda: errors.codes == ["delivery.failed"])
        assert heir.stats()[:4] == (0, 0, 0, 0)
    assert len(spooled_ids(spool_dir, "dead")) == 1


def test_a_dead_letter_that_finds_no_room_is_heard_of_all_the_same(
    client: ClientFactory, errors: ReportedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "create", full)
    with client(refusing(KafkaError.TOPIC_AUTHORIZATION_FAILED), on_error=errors) as own:
        own.record(**VALID)
        assert own.flush(10) == 0
        assert (own.stats().failed, own.stats().dead_lettered) == (1, 0)
    assert errors.codes == ["delivery.failed"]


def test_shutdown_waits_as_long_as_there_is_progress(
    client: ClientFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = 1.0
    monkeypatch.setattr(spooling, "TUNING", FAST_TUNING._replace(patience=patience))
    slow = Holding(pause=patience / EVENTS / 2)
    one = client(slow)
    for _ in range(4 * EVENTS):
        one.record(**VALID)
    assert one.shutdown(30) == 0
    assert one.stats().delivered == 4 * EVENTS


def test_what_others_took_is_waited_for_no_more(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("spill", kafka_brokers=NO_BROKER, max_queue_events=EVENTS)
    while client.stats().spooled < EVENTS:
        client.record(**VALID)
    for name in segment_names(spool_dir):
        segment = Segment.open(spool_dir, name)
        assert segment.hand_to("ab" * 16)
        segment.end_appends()
    client.record(**VALID)
    spool = client._outbox._spool  # type: ignore[attr-defined]
    eventually(lambda: spool.pending == 1)
    assert client.stats().spooled == EVENTS + 1
    assert counters_balance(client)

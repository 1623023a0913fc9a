"""Clients that share a spool directory: what one adopts, and whose events go first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from eka_usage import EkaClient, _spool_wiring
from eka_usage._spool.directory_handle import DirectoryHandle
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_name import UNOWNED

from sdks.python.tests.spool_support import FAST_TUNING, segment_names, spool_of, spooled_ids
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


class HoldingProducer(ScriptedProducer):
    """A producer that reports no delivery before `deliver()`, or one after each pause."""

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
        """Reports all held events as delivered, and later ones at once."""
        self._delivers = True
        while self._held:
            self._held.pop()(None, None)

    def flush(self, timeout: float) -> int:
        time.sleep(self._pause or min(timeout, 0.01))
        if self._pause and self._held:
            self._held.pop(0)(None, None)
        return len(self._held)


@pytest.fixture
def make_shared_client(spool_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ClientFactory:
    """Makes clients with a producer of the test and a common spool directory."""
    monkeypatch.setattr(_spool_wiring, "TUNING", FAST_TUNING)

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
def abandon_events(make_shared_client: ClientFactory, spool_dir: Path) -> Callable[[], None]:
    """Leaves events of a client that ends, and waits until another has adopted them."""

    def abandon() -> None:
        with make_shared_client(HoldingProducer()) as other:
            for _ in range(EVENTS):
                other.record(**VALID)
        eventually(
            lambda: any(
                name.owner not in {name.origin, UNOWNED} for name in segment_names(spool_dir)
            )
        )

    return abandon


def heartbeats_advance(spool_dir: Path) -> bool:
    """Reports whether the heartbeat of each segment advances."""

    def heartbeats() -> dict[str, int]:
        found = {}
        for name in segment_names(spool_dir):
            segment = Segment.open(DirectoryHandle(spool_dir), name, write=False)
            found[str(name)] = segment.heartbeat()
            segment.close()
        return found

    before = heartbeats()
    time.sleep(3 * FAST_TUNING.heartbeat)
    after = heartbeats()
    return before.keys() == after.keys() and all(after[name] > before[name] for name in after)


def test_adopted_events_wait_while_over_a_quarter_of_the_queue_is_in_use(
    make_shared_client: ClientFactory, abandon_events: Callable[[], None], spool_dir: Path
) -> None:
    producer = HoldingProducer()
    with make_shared_client(producer) as adopter:
        for _ in range(EVENTS + 1):
            adopter.record(**VALID)
        abandon_events()
        time.sleep(0.2)
        assert adopter.stats().adopted == 0
        producer.deliver()
        eventually(lambda: adopter.stats().replayed == EVENTS)
    assert segment_names(spool_dir) == []


def test_adopted_segments_that_were_not_sent_are_released_at_shutdown(
    make_shared_client: ClientFactory, abandon_events: Callable[[], None], spool_dir: Path
) -> None:
    with make_shared_client(HoldingProducer()) as adopter:
        for _ in range(EVENTS + 1):
            adopter.record(**VALID)
        abandon_events()
    assert len(spooled_ids(spool_dir)) == 2 * EVENTS + 1
    assert {name.owner for name in segment_names(spool_dir)} == {UNOWNED}


def test_a_client_writes_heartbeats_to_each_of_its_segments(
    make_shared_client: ClientFactory, abandon_events: Callable[[], None], spool_dir: Path
) -> None:
    with make_shared_client(HoldingProducer(), "durable") as adopter:
        for _ in range(EVENTS + 1):
            adopter.record(**VALID)
        eventually(lambda: heartbeats_advance(spool_dir))
        abandon_events()  # replayed only once its own events leave room
        eventually(lambda: heartbeats_advance(spool_dir))
    with make_shared_client(HoldingProducer()) as adopter:
        eventually(lambda: adopter.stats().adopted >= EVENTS)  # sent and not yet reported
        eventually(lambda: heartbeats_advance(spool_dir))


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_shutdown_never_raises_whatever_the_disk_does(
    mode: str,
    make_shared_client: ClientFactory,
    abandon_events: Callable[[], None],
    spool_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: object) -> bool:
        raise OSError(5, "Input/output error")

    adopter = make_shared_client(HoldingProducer(), mode)
    for _ in range(EVENTS + 1):
        adopter.record(**VALID)
    abandon_events()
    monkeypatch.setattr(Segment, "transfer_to", failing)
    assert adopter.shutdown() == 0
    assert len(spooled_ids(spool_dir)) == 2 * EVENTS + 1


def failing_producer(*codes: int) -> ScriptedProducer:
    """Returns a producer that reports these errors, one for each event."""
    answers = [KafkaError(code) for code in codes]

    def produce(*, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        on_delivery(answers.pop(0), None)

    return ScriptedProducer(produce)


def test_an_own_event_that_kafka_rejects_permanently_on_replay_counts_as_failed(
    make_shared_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    producer = failing_producer(KafkaError.REQUEST_TIMED_OUT, KafkaError.POLICY_VIOLATION)
    with make_shared_client(producer, on_error=errors) as own:
        own.record(**VALID)
        assert own.flush(10) == 0
        stats = own.stats()
        assert (stats.failed, stats.dead_lettered, stats.spooled) == (1, 1, 0)
    assert errors.codes == ["delivery.failed"]
    assert len(spooled_ids(spool_dir, "dead")) == 1


def test_an_adopted_event_that_kafka_rejects_is_reported_and_not_counted_as_failed(
    make_shared_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    with make_shared_client(HoldingProducer()) as other:
        other.record(**VALID)
    with make_shared_client(
        failing_producer(KafkaError.POLICY_VIOLATION), on_error=errors
    ) as adopter:
        eventually(lambda: adopter.stats().dead_lettered == 1)
        eventually(lambda: errors.codes == ["delivery.failed"])
        assert adopter.stats()[:4] == (0, 0, 0, 0)
    assert len(spooled_ids(spool_dir, "dead")) == 1


def test_a_dead_letter_without_room_on_disk_is_still_reported(
    make_shared_client: ClientFactory, errors: ReportedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "create", full)
    with make_shared_client(failing_producer(KafkaError.POLICY_VIOLATION), on_error=errors) as own:
        own.record(**VALID)
        assert own.flush(10) == 0
        assert (own.stats().failed, own.stats().dead_lettered) == (1, 0)
    assert errors.codes == ["delivery.failed"]


def test_shutdown_keeps_waiting_while_events_are_being_delivered(
    make_shared_client: ClientFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = 1.0
    monkeypatch.setattr(_spool_wiring, "TUNING", FAST_TUNING._replace(patience=patience))
    slow = HoldingProducer(pause=patience / EVENTS / 2)
    one = make_shared_client(slow)
    for _ in range(4 * EVENTS):
        one.record(**VALID)
    assert one.shutdown(30) == 0
    assert one.stats().delivered == 4 * EVENTS


def test_a_client_stops_waiting_for_events_that_another_has_adopted(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("spill", kafka_brokers=NO_BROKER, max_queue_events=EVENTS)
    while client.stats().spooled < EVENTS:
        client.record(**VALID)
    for name in segment_names(spool_dir):
        segment = Segment.open(DirectoryHandle(spool_dir), name)
        assert segment.transfer_to("ab" * 16)
        segment.fence()
    client.record(**VALID)
    spool = spool_of(client)
    eventually(lambda: spool.pending == 1)
    assert client.stats().spooled == EVENTS + 1
    assert counters_balance(client)

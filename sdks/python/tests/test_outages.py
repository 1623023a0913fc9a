"""While the broker is absent or restarts, no call blocks and no accepted event is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from eka_usage import EkaClient
from eka_usage._transports import kafka

from sdks.python.tests.support import (
    FAST_RECONNECT,
    NO_BROKER,
    VALID,
    ClientFactory,
    ReportedErrors,
    unused_address,
)
from sdks.python.tests.topic_reader import delivered_events
from tests.broker import DevBroker
from tests.waiting import eventually


@contextmanager
def recording(client: EkaClient, threads: int = 4) -> Iterator[list[str]]:
    """Records from several threads in the meantime, and asserts that no call blocks."""
    accepted: list[str] = []
    slowest: list[float] = []
    done = threading.Event()

    def work(number: int) -> None:
        longest = 0.0
        while not done.is_set():
            start = time.monotonic()
            event_id = client.record(f"ws-{number}", "api", "api_call")
            longest = max(longest, time.monotonic() - start)
            if event_id is not None:
                accepted.append(event_id)
            time.sleep(0.002)
        slowest.append(longest)

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield accepted
    finally:
        done.set()
        for thread in running:
            thread.join()
    assert len(slowest) == threads
    assert max(slowest) < 1


def failures_by_id(errors: ReportedErrors) -> Counter[Any]:
    """Returns how often each event was reported as failed."""
    return Counter(
        context.get("event_id")
        for error, context in errors
        if error.code in {"delivery.failed", "shutdown.timeout"}
    )


def test_a_broker_that_starts_later_receives_the_events_recorded_before(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    address = unused_address()
    client = make_client(kafka_brokers=address, kafka_config=FAST_RECONNECT)
    ids = [client.record(**VALID) for _ in range(50)]
    assert client.flush(0.1) == 50
    with DevBroker(listen=address) as broker:
        more = [client.record(**VALID) for _ in range(50)]
        assert client.flush(10) == 0
        events = delivered_events(broker)
    assert errors == []
    assert [event["event_id"] for event in events] == ids + more
    assert [event["seq"] for event in events] == list(range(1, 101))


def test_a_killed_and_restarted_broker_receives_every_event(
    make_client: ClientFactory, errors: ReportedErrors, tmp_path: Path
) -> None:
    with DevBroker(data_dir=tmp_path) as broker:
        client = make_client(
            kafka_brokers=broker.bootstrap, kafka_config=FAST_RECONNECT, linger_ms=1, acks="all"
        )
        with recording(client) as accepted:
            eventually(lambda: client.stats().delivered > 50)
            for _ in range(2):
                broker.kill()
                time.sleep(0.3)
                broker.restart()
                before = client.stats().delivered
                eventually(lambda: client.stats().delivered > before)  # noqa: B023
        assert client.flush(10) == 0
        stats = client.stats()
        events = delivered_events(broker)
    found = {event["event_id"] for event in events}
    lost = failures_by_id(errors)
    assert set(errors.codes) <= {"delivery.failed"}
    assert found | set(lost) == set(accepted)
    assert not lost or max(lost.values()) == 1
    assert stats.accepted == len(accepted) == stats.delivered + stats.failed
    assert stats.failed == len(lost)
    assert {event["seq"] for event in events} >= set(range(1, len(accepted) + 1 - len(lost)))


def test_a_producer_whose_events_expire_is_replaced_once_in_a_delivery_timeout(
    make_client: ClientFactory, errors: ReportedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Producer] = []

    def make(*arguments: Any, **options: Any) -> Producer:
        made.append(Producer(*arguments, **options))
        return made[-1]

    address = unused_address()
    client = make_client(
        kafka_brokers=address, kafka_config=FAST_RECONNECT, delivery_timeout_ms=1000
    )
    monkeypatch.setattr(kafka, "Producer", make)
    began = time.monotonic()
    for _ in range(50):
        client.record(**VALID)
        time.sleep(0.001)
    eventually(lambda: client.stats().failed == 50)
    eventually(lambda: len(made) > 1)

    def delivers() -> bool:
        client.record(**VALID)
        client.flush(5)
        return client.stats().delivered > 0

    with DevBroker(listen=address):
        eventually(delivers)
    assert len(made) <= 1 + time.monotonic() - began
    assert set(errors.codes) == {"delivery.failed"}


def test_each_event_that_exceeds_the_delivery_timeout_is_reported_as_failed(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client(
        kafka_brokers=NO_BROKER, kafka_config=FAST_RECONNECT, delivery_timeout_ms=1000
    )
    ids = {client.record(f"ws-{number}", "comms", "sms", number) for number in range(30)}
    eventually(lambda: len(errors) == 30)
    assert set(errors.codes) == {"delivery.failed"}
    assert failures_by_id(errors) == Counter(ids)
    for _, context in errors:
        assert context.get("product") == "comms"
        assert context.get("metric_type") == "sms"
        assert str(context.get("workspace_id")).startswith("ws-")
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.failed, stats.queued) == (30, 0, 30, 0)
    assert client.shutdown() == 0


@pytest.mark.parametrize("error_cb", [None, lambda _: None], ids=["logged", "error_cb"])
def test_a_timeout_names_the_last_error_of_the_connection(
    error_cb: Callable[[KafkaError], object] | None,
    make_client: ClientFactory,
    errors: ReportedErrors,
) -> None:
    config = {"error_cb": error_cb} if error_cb else {}
    client = make_client(kafka_brokers=NO_BROKER, kafka_config=config, delivery_timeout_ms=1000)
    client.record(**VALID)
    eventually(lambda: errors)
    client.record(**VALID)
    client.shutdown(0)
    assert errors.codes == ["delivery.failed", "shutdown.timeout"]
    for error, _ in errors:
        assert "Connection refused" in str(error)
        assert "thrd:" not in str(error)


@pytest.mark.parametrize("alive", [True, False], ids=["broker", "no broker"])
def test_the_counters_balance_at_every_moment(
    alive: bool, make_client: ClientFactory, broker: DevBroker, errors: ReportedErrors
) -> None:
    client = make_client(
        kafka_brokers=broker.bootstrap if alive else NO_BROKER,
        kafka_config={**FAST_RECONNECT, **({} if alive else {"message.timeout.ms": 100})},
        linger_ms=1,
        max_queue_events=200,
    )
    last = 0
    with recording(client, threads=6) as accepted:
        deadline = time.monotonic() + 0.7
        while time.monotonic() < deadline:
            stats = client.stats()
            assert stats.accepted == stats.delivered + stats.failed + stats.queued
            assert min(stats[:4]) >= 0
            assert alive or stats.delivered == 0
            assert stats.delivered >= last
            last = stats.delivered
    client.shutdown(2)
    stats = client.stats()
    assert stats.queued == 0
    assert stats.accepted == len(accepted) == stats.delivered + stats.failed
    assert stats.failed == len(failures_by_id(errors)) == sum(failures_by_id(errors).values())
    assert (stats.delivered > 0) == alive


def test_an_event_too_large_for_kafka_fails_and_the_others_are_delivered(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client(kafka_config={"message.max.bytes": 2000})
    small = client.record(**VALID)
    large = client.record(**VALID, metadata={"k": "x" * 3000})
    assert None not in (small, large)
    assert client.flush(10) == 0
    assert failures_by_id(errors) == Counter([large])
    assert client.stats().delivered == 1


def test_events_fail_if_the_topic_does_not_exist(
    broker: DevBroker, errors: ReportedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eka_usage._client.USAGE_TOPIC", "no.such.topic")
    with EkaClient(
        "checkout",
        broker.bootstrap,
        {"topic.metadata.propagation.max.ms": 100, "log_level": 0},
        errors,
    ) as client:
        ids = [client.record(**VALID) for _ in range(3)]
        eventually(lambda: len(errors) == 3)
    assert failures_by_id(errors) == Counter(ids)
    assert "Unknown topic" in str(errors[0][0])


def test_no_call_blocks_while_the_broker_is_unreachable(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client(kafka_brokers=NO_BROKER, kafka_config=FAST_RECONNECT, max_queue_events=100)
    with recording(client, threads=8):
        eventually(lambda: len(errors) > 50)
        assert client.stats().queued >= 100
    assert set(errors.codes) == {"queue.full"}

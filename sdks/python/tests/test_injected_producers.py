"""A producer that the caller injects: whatever it does, each accepted event has one outcome."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from eka_usage import EkaClient
from eka_usage.testing import InMemoryProducer

from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    CollectingProducer,
    ReportedErrors,
    ScriptedProducer,
    fixed_client,
)
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker
from tests.waiting import eventually


def counters(client: EkaClient) -> tuple[int, int, int, int]:
    """Returns the counters accepted, delivered, failed and queued."""
    stats = client.stats()
    return stats.accepted, stats.delivered, stats.failed, stats.queued


def test_a_real_producer_delivers_events_alongside_the_hosts_messages(
    broker: DevBroker, topic: TopicReader, errors: ReportedErrors
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False})
    with fixed_client(producer=producer, on_error=errors) as client:
        ids = [client.record(**VALID) for _ in range(20)]
        producer.produce("eka.usage.events.dlq", b"the host's message")
        assert client.flush(10) == 0
        assert counters(client) == (20, 20, 0, 0)
    assert errors == []
    assert [event["event_id"] for event in topic.events()] == ids


def test_a_real_producer_that_reports_only_failures_is_enough(
    broker: DevBroker, topic: TopicReader
) -> None:
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "enable.metrics.push": False,
            "delivery.report.only.error": True,
        }
    )
    with fixed_client(producer=producer) as client:
        client.record(**VALID)
        assert client.flush(10) == 0
        assert counters(client) == (1, 1, 0, 0)
    assert len(topic.messages()) == 1


def test_shutdown_reports_each_event_of_a_real_producer_without_a_broker(
    errors: ReportedErrors,
) -> None:
    producer = Producer({"bootstrap.servers": NO_BROKER, "log_level": 0})
    with fixed_client(producer=producer, on_error=errors) as client:
        ids = [client.record(**VALID) for _ in range(3)]
        assert client.shutdown(0.1) == 3
        assert counters(client) == (3, 0, 3, 0)
    assert [context.get("event_id") for context in errors.contexts("shutdown.timeout")] == ids
    producer.purge()
    producer.flush(1)
    assert counters(client) == (3, 0, 3, 0)


def test_without_delivery_reports_a_flush_that_returns_none_means_delivered(
    errors: ReportedErrors,
) -> None:
    class Silent:
        flushed = 0

        def produce(self, **_: Any) -> None: ...

        def poll(self, timeout: float) -> None: ...

        def flush(self, timeout: float) -> None:
            self.flushed += 1

    with fixed_client(producer=Silent(), on_error=errors) as client:
        for _ in range(5):
            client.record(**VALID)
        assert counters(client) == (5, 0, 0, 5)
        assert client.flush(1) == 0
        assert counters(client) == (5, 5, 0, 0)
    assert errors == []


def test_a_full_producer_rejects_events_until_it_has_room_again(errors: ReportedErrors) -> None:
    producer = InMemoryProducer()
    with fixed_client(producer=producer, on_error=errors) as client:
        producer.full = True
        parked = client.record(**VALID)
        assert parked is not None
        assert [client.record(**VALID) for _ in range(3)] == [None] * 3
        assert counters(client) == (1, 0, 0, 1)
        producer.full = False
        eventually(lambda: client.stats().queued == 0)
        after = client.record(**VALID)
    assert errors.codes == ["queue.full"] * 3
    assert {context["reason"] for _, context in errors} == {"local_queue_full"}
    assert [(event.event_id, event.seq) for event in producer] == [(parked, 1), (after, 2)]


def test_shutdown_reports_the_event_of_a_producer_that_stays_full(
    errors: ReportedErrors,
) -> None:
    producer = InMemoryProducer()
    producer.full = True
    with fixed_client(producer=producer, on_error=errors) as client:
        event_id = client.record(**VALID)
        assert client.shutdown(0.05) == 1
        assert counters(client) == (1, 0, 1, 0)
    [(error, context)] = errors
    assert error.code == "shutdown.timeout"
    assert context.get("event_id") == event_id


@pytest.mark.parametrize("error", [RuntimeError("no"), KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)])
def test_a_produce_call_that_raises_fails_only_that_event(
    error: Any, errors: ReportedErrors
) -> None:
    def produce(*, on_delivery: Any, key: bytes, **_: Any) -> None:
        if key == b"bad":
            raise error if isinstance(error, Exception) else RuntimeError(error.str())
        on_delivery(None, None)

    with fixed_client(producer=ScriptedProducer(produce), on_error=errors) as client:
        assert client.record("good", "api", "api_call") is not None
        bad = client.record("bad", "api", "api_call")
        assert client.record("good", "api", "api_call") is not None
        assert counters(client) == (3, 2, 1, 0)
    [(failure, context)] = errors
    assert failure.code == "delivery.failed"
    assert context.get("event_id") == bad


@pytest.mark.parametrize(
    "error", ["timed out", KafkaError(KafkaError._MSG_TIMED_OUT), ValueError()]
)
def test_a_failed_delivery_is_reported_with_the_producers_message(
    error: Any, errors: ReportedErrors
) -> None:
    producer = ScriptedProducer(lambda on_delivery, **_: on_delivery(error, None))
    with fixed_client(producer=producer, on_error=errors) as client:
        client.record(**VALID)
        assert counters(client) == (1, 0, 1, 0)
    [(failure, _)] = errors
    assert failure.code == "delivery.failed"
    message = error.str() if isinstance(error, KafkaError) else str(error)
    assert str(failure) == f"delivery failed: {message}"


@pytest.mark.parametrize(
    "answers", [(None, "lost"), ("lost", None), ("lost", "lost"), (None, None)]
)
def test_the_first_of_two_delivery_reports_counts(answers: Any, errors: ReportedErrors) -> None:
    def produce(*, on_delivery: Any, **_: Any) -> None:
        for answer in answers:
            on_delivery(answer, None)

    with fixed_client(producer=ScriptedProducer(produce), on_error=errors) as client:
        client.record(**VALID)
        failed = int(answers[0] is not None)
        assert counters(client) == (1, 1 - failed, failed, 0)
    assert len(errors) == failed


@pytest.mark.parametrize("answer", [None, "lost"])
def test_a_producer_that_reports_and_then_raises_counts_once(
    answer: Any, errors: ReportedErrors
) -> None:
    def produce(*, on_delivery: Any, **_: Any) -> None:
        on_delivery(answer, None)
        raise RuntimeError

    with fixed_client(producer=ScriptedProducer(produce), on_error=errors) as client:
        client.record(**VALID)
        failed = int(answer is not None)
        assert counters(client) == (1, 1 - failed, failed, 0)
    assert len(errors) == failed


def test_delivery_reports_after_shutdown_change_nothing(errors: ReportedErrors) -> None:
    waiting: list[Callable[[Any, Any], None]] = []

    class Late(ScriptedProducer):
        def flush(self, timeout: float) -> int:
            time.sleep(min(timeout, 0.02))
            return len(waiting)

    producer = Late(lambda on_delivery, **_: waiting.append(on_delivery))
    client = fixed_client(producer=producer, on_error=errors)
    ids = [client.record(**VALID) for _ in range(4)]
    waiting.pop(0)(None, None)
    assert client.shutdown(0.1) == 3
    thread = threading.Thread(target=lambda: [report(None, None) for report in waiting])
    thread.start()
    thread.join()
    assert counters(client) == (4, 1, 3, 0)
    assert [context.get("event_id") for context in errors.contexts("shutdown.timeout")] == ids[1:]


def test_a_thread_that_records_without_a_pause_polls_the_producer_itself() -> None:
    polls: Counter[int] = Counter()

    class Polled(CollectingProducer):
        def poll(self, timeout: float) -> int:
            polls[threading.get_ident()] += 1
            return 0

    with fixed_client(producer=Polled()) as client:
        for _ in range(10_000):
            client.record(**VALID)
    assert polls[threading.get_ident()] >= 30


@pytest.mark.parametrize("method", ["flush", "poll"])
def test_a_producer_that_raises_neither_blocks_shutdown_nor_floods_the_log(
    method: str, errors: ReportedErrors, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ScriptedProducer):
        calls = 0

        def _broken(self, timeout: float) -> int:
            self.calls += 1
            raise RuntimeError("broken")

    setattr(Broken, method, Broken._broken)
    producer = Broken(lambda **_: None)
    client = fixed_client(producer=producer, on_error=errors)
    event_id = client.record(**VALID)
    if method == "poll":
        eventually(lambda: producer.calls > 3)
    assert client.flush(0.05) == (1 if method == "flush" else 0)
    client.shutdown(0.05)
    if method == "flush":
        assert counters(client) == (1, 0, 1, 0)
        [(error, context)] = errors
        assert error.code == "shutdown.timeout"
        assert context.get("event_id") == event_id
    assert client.record(**VALID) is None
    assert caplog.messages == ["the producer raised RuntimeError: broken"]

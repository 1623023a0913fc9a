"""`flush()` and `shutdown()` are bounded and return what is left; no event has two outcomes."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from eka_usage import EkaClient, EkaError, ErrorContext, Usage, _shutdown_hooks

from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    ReportedErrors,
    ScriptedProducer,
)
from sdks.python.tests.topic_reader import TopicReader
from tests.waiting import eventually


@pytest.fixture
def make_offline_client(make_client: ClientFactory) -> ClientFactory:
    """Makes clients whose broker is unreachable."""
    return lambda **arguments: make_client(
        kafka_brokers=NO_BROKER, kafka_config={"log_level": 0}, **arguments
    )


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Returns the result of a call, and how long it took."""
    start = time.monotonic()
    return call(), time.monotonic() - start


def test_flush_returns_zero_when_everything_is_delivered(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    client = make_client(linger_ms=500)
    assert client.flush() == 0
    for _ in range(10):
        client.record(**VALID)
    assert client.stats().queued == 10
    assert client.flush() == 0
    assert len(topic.messages()) == 10


@pytest.mark.parametrize("timeout", [0, 0.0, -1, 0.3])
def test_flush_returns_within_its_timeout_with_the_number_left(
    timeout: float, make_offline_client: ClientFactory
) -> None:
    client = make_offline_client()
    for _ in range(7):
        client.record(**VALID)
    left, took = timed(lambda: client.flush(timeout))
    assert left == 7
    assert timeout <= took < max(0, timeout) + 1
    assert client.stats().queued == 7


def test_flush_and_shutdown_default_to_the_configured_timeout(
    make_offline_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_offline_client(shutdown_timeout_ms=200)
    client.record(**VALID)
    for call in (client.flush, client.shutdown):
        left, took = timed(call)
        assert left == 1
        assert 0.2 <= took < 1.5
    assert errors.codes == ["shutdown.timeout"]


def test_shutdown_reports_each_event_that_it_gives_up(
    make_offline_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_offline_client()
    ids = [client.record(**VALID) for _ in range(20)]
    left, took = timed(lambda: client.shutdown(0.1))
    assert (left, took < 1.5) == (20, True)
    assert [context.get("event_id") for context in errors.contexts("shutdown.timeout")] == ids
    assert len(errors) == 20
    stats = client.stats()
    assert (stats.accepted, stats.delivered, stats.failed, stats.queued) == (20, 0, 20, 0)


def test_shutdown_may_be_called_repeatedly_and_from_many_threads(
    make_client: ClientFactory, topic: TopicReader, errors: ReportedErrors
) -> None:
    client = make_client()
    ids = [client.record(**VALID) for _ in range(100)]
    left: list[int] = []
    threads = [threading.Thread(target=lambda: left.append(client.shutdown())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [0] * 8
    assert client.shutdown() == 0
    assert errors == []
    assert Counter(event["event_id"] for event in topic.events()) == Counter(ids)


def test_concurrent_shutdowns_count_each_undelivered_event_once(
    make_offline_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_offline_client()
    for _ in range(10):
        client.record(**VALID)
    left: list[int] = []
    threads = [threading.Thread(target=lambda: left.append(client.shutdown(0.1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(left) == [0, 0, 0, 10]
    assert len(errors) == 10


def test_a_shutdown_keeps_its_timeout_while_another_waits_longer(
    make_offline_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_offline_client()
    client.record(**VALID)
    patient = threading.Thread(target=client.shutdown, args=(20,))
    patient.start()
    eventually(lambda: client._outbox._closer == patient.ident)
    left, took = timed(lambda: client.shutdown(0.1))
    assert (left, took < 1.5) == (1, True)
    patient.join()
    assert errors.codes == ["shutdown.timeout"]


def test_on_error_may_shut_the_client_down_from_its_own_thread(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    def on_error(error: EkaError, context: ErrorContext) -> None:
        errors(error, context)
        client.shutdown(0)

    client = make_client(
        kafka_brokers=NO_BROKER,
        kafka_config={"message.timeout.ms": 100, "log_level": 0},
        on_error=on_error,
    )
    ids = {client.record(**VALID), client.record(**VALID)}
    eventually(lambda: len(errors) == 2)
    assert {context.get("event_id") for _, context in errors} == ids
    assert client.record(**VALID) is None


def test_a_closed_client_rejects_events_and_still_returns_its_stats(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client()
    client.record(**VALID)
    client.shutdown()
    assert client.record(**VALID, event_id="late") is None
    assert client.record_metric("ws", None) is None  # type: ignore[arg-type]
    assert client.log("ws", "api", "api_error", "m") is None
    assert client.flush(1) == 0
    assert client.stats().delivered == client.stats().accepted == 1
    assert "checkout" in repr(client)
    assert errors.codes == ["client.closed", "product.unknown", "client.closed"]
    assert errors[0][1].get("event_id") == "late"
    assert client.stats().rejected == {"client.closed": 2, "product.unknown": 1}


def test_leaving_the_with_block_shuts_the_client_down(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    def fail(client: EkaClient) -> None:
        client.record(**VALID)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), make_client() as client:
        fail(client)
    assert len(topic.messages()) == 1
    assert client.record(**VALID) is None


def test_an_unused_client_shuts_down_at_once(
    make_offline_client: ClientFactory,
) -> None:
    left, took = timed(make_offline_client().shutdown)
    assert (left, took < 1) == (0, True)


def test_two_clients_have_separate_counters(make_client: ClientFactory, topic: TopicReader) -> None:
    first, second = make_client(), make_client(debug=True)
    for _ in range(3):
        first.record(**VALID)
    second.record(**VALID)
    first.shutdown()
    assert second.record(**VALID) is not None
    second.shutdown()
    assert (first.stats().accepted, second.stats().accepted) == (3, 2)
    found = Counter(event["instance_id"] for event in topic.events())
    assert found == {first.instance_id: 3, second.instance_id: 2}


def test_an_unreferenced_client_still_delivers(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    def forgotten() -> weakref.ref[EkaClient]:
        client = EkaClient("checkout", make_client()._settings["kafka_brokers"], linger_ms=100)
        client.record(**VALID)
        return weakref.ref(client)

    reference = forgotten()
    gc.collect()
    client = reference()
    assert client is not None
    assert client in _shutdown_hooks.clients()
    client.shutdown()
    assert len(topic.messages()) == 1


def test_an_event_accepted_during_shutdown_has_one_outcome(
    make_client: ClientFactory, topic: TopicReader, errors: ReportedErrors
) -> None:
    client = make_client(linger_ms=1)
    accepted: list[str] = []

    def work() -> None:
        while (event_id := client.record(**VALID)) is not None:
            accepted.append(event_id)
            time.sleep(0.0002)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(accepted) > 100)
    client.shutdown()
    for thread in threads:
        thread.join()
    delivered = Counter(event["event_id"] for event in topic.events())
    given_up = Counter(context.get("event_id") for context in errors.contexts("shutdown.timeout"))
    assert set(errors.codes) <= {"client.closed", "shutdown.timeout"}
    assert max((delivered | given_up).values()) == 1
    assert set(delivered) | set(given_up) == set(accepted)
    stats = client.stats()
    assert (stats.accepted, stats.failed, stats.queued) == (len(accepted), len(given_up), 0)


def test_a_batch_is_accepted_whole_or_not_at_all_during_shutdown(
    make_client: ClientFactory, topic: TopicReader, errors: ReportedErrors
) -> None:
    client = make_client(linger_ms=1)
    accepted: list[str] = []

    def work() -> None:
        while (ids := client.record_many([Usage(**VALID)] * 20)) is not None:
            accepted.extend(ids)
            time.sleep(0.0002)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(accepted) > 100)
    client.shutdown()
    for thread in threads:
        thread.join()
    delivered = {event["event_id"] for event in topic.events()}
    given_up = {context.get("event_id") for context in errors.contexts("shutdown.timeout")}
    assert set(errors.codes) <= {"client.closed", "shutdown.timeout"}
    assert delivered | given_up == set(accepted)
    assert client.stats().accepted == len(accepted) == len(set(accepted))
    assert client.stats().rejected == {"client.closed": 8 * 20}


def test_an_event_that_arrives_after_shutdown_has_ended_is_reported(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client()
    client.record(**VALID)
    send, calling, go_on = client._outbox._send, threading.Event(), threading.Event()

    def slow(key: str, value: str) -> None:
        calling.set()
        assert go_on.wait(10)
        send(key, value)

    client._outbox._send = slow
    recording = threading.Thread(target=client._record, args=("late", "api", "api_call"))
    recording.start()
    assert calling.wait(10)
    assert client.shutdown() == 0
    go_on.set()
    recording.join()
    [(error, context)] = errors
    assert error.code == "shutdown.timeout"
    assert context.get("workspace_id") == "late"
    assert client.stats()[:4] == (2, 1, 1, 0)


def test_record_does_not_block_on_a_shutdown_that_waits_for_kafka(errors: ReportedErrors) -> None:
    calling, go_on, flushing = threading.Event(), threading.Event(), threading.Event()

    def produce(key: bytes, **_: object) -> None:
        if key == b"full":
            calling.set()
            assert go_on.wait(10)
            raise BufferError

    class Slow(ScriptedProducer):
        def flush(self, timeout: float) -> int:
            flushing.set()
            time.sleep(timeout)
            return 1

    client = EkaClient("checkout", producer=Slow(produce), on_error=errors)
    client.record("undelivered", "api", "api_call")
    recording = threading.Thread(target=client._record, args=("full", "api", "api_call"))
    recording.start()
    assert calling.wait(10)
    closing = threading.Thread(target=client.shutdown, args=(1.2,))
    closing.start()
    assert flushing.wait(10)
    go_on.set()
    recording.join(0.8)
    assert not recording.is_alive()
    assert closing.is_alive()
    closing.join()
    assert errors.codes == ["shutdown.timeout"] * 2

"""Whatever interrupts record(), between any two bytecodes, the client works and loses nothing.

`make crash` interrupts at every bytecode, these tests at one in twenty.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import KafkaError
from eka_usage._interrupts import is_interruption
from eka_usage._transports import acks, callbacks
from eka_usage._transports.kafka import _Expiry, _report
from eka_usage._wakeup import WakeUp

from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    CollectingProducer,
    ReportedErrors,
    fixed_client,
)
from tests.broker import DevBroker
from tests.crash.interrupts import AWAY, THERE, Variant, interrupt
from tests.waiting import eventually

# What is interrupted, and the first of the bytecodes.
_QUICK = (
    (Variant("handler", "spill", "full", AWAY), 3),
    (Variant("handler", "durable", "later", THERE), 7),
    (Variant("sigterm", "durable", "full", AWAY), 11),
    (Variant("exception", "off", "later", THERE), 2),
    (Variant("exception", "spill", "full", AWAY), 5),
    (Variant("exception", "durable", "later", AWAY), 13),
    (Variant("async", "spill", "later", THERE), 17),
)


class HostError(Exception):
    """A time limit of the host."""


@pytest.mark.parametrize(("variant", "start"), _QUICK, ids=str)
def test_an_interruption_at_one_bytecode_in_twenty_does_no_harm(
    variant: Variant, start: int, broker: DevBroker
) -> None:
    report = interrupt(variant, broker, every=20, start=start)
    assert report.problems == []
    assert report.steps > 10


def test_an_exception_of_a_signal_handler_is_an_interruption() -> None:
    def handler(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with fixed_client(producer=CollectingProducer()) as client, pytest.raises(TimeoutError):
            client.record(**VALID, metadata={"value": _Interrupting()})
        assert client.record(**VALID) is None
    finally:
        signal.signal(signal.SIGUSR1, before)


class _Interrupting:
    """Its string form is interrupted by a signal."""

    def __str__(self) -> str:
        signal.raise_signal(signal.SIGUSR1)
        return "never"


def test_an_exception_of_an_arguments_own_method_is_not_an_interruption() -> None:
    def method(argument: object) -> None:
        raise HostError

    with pytest.raises(HostError) as caught:
        method(None)
    assert not is_interruption(caught.value)


def test_an_exception_while_the_library_makes_its_result_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Producer:
        def list_topics(self, topic: str, timeout: float) -> None:
            raise HostError  # as in the constructor of what confluent_kafka returns

    producer: Any = Producer()
    monkeypatch.setattr(acks, "_done", False)
    with pytest.raises(HostError) as caught:
        acks.ReplicaCheck("topic").check(producer)
    assert is_interruption(caught.value)


def test_a_delivery_report_that_is_interrupted_is_received_again() -> None:
    failures: list[Any] = []
    expiry = _Expiry()

    def failed(failure: Any) -> None:
        failures.append(failure)
        if len(failures) == 1:
            raise KeyboardInterrupt

    class Message:
        def key(self) -> bytes:
            return b"key"

        def value(self) -> bytes:
            return b"event"

    def poll(_: float) -> None:
        error = KafkaError(KafkaError._MSG_TIMED_OUT)
        _report(lambda: None, failed, expiry, error, Message())

    with pytest.raises(KeyboardInterrupt):
        callbacks.calling(poll, 0)
    assert [failure.event for failure in failures] == [b"event"] * 2
    assert expiry.happened
    assert callbacks.running() == []


def test_a_flag_may_be_raised_by_a_handler_that_interrupts_its_raising() -> None:
    flag = WakeUp()
    flag._tokens.put(None)  # where the handler interrupts
    flag.wake()
    flag.is_raised = True
    waiting = [threading.Thread(target=flag.wait, args=(10,)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)
    flag.clear()
    assert not flag.wait(0)


@contextmanager
def _raising(name: str) -> Iterator[tuple[Any, list[str]]]:
    calls: list[str] = []

    def callback(*_: object) -> None:
        calls.append(name)
        raise HostError(name)

    yield callback, calls


@pytest.mark.parametrize("name", ["error_cb", "stats_cb", "logger"])
def test_a_callback_in_kafka_config_that_raises_is_logged_and_leaves_no_call(
    name: str,
    make_client: ClientFactory,
    errors: ReportedErrors,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with _raising(name) as (callback, calls):
        value = type("Logger", (), {"log": callback})() if name == "logger" else callback
        config = {"reconnect.backoff.ms": 10, "statistics.interval.ms": 20, name: value}
        client = make_client(kafka_brokers=NO_BROKER, kafka_config=config)
        ids = [client.record(**VALID) for _ in range(3)]
        eventually(lambda: calls)
        assert client.flush(0.1) == 3
        started = time.monotonic()
        assert client.shutdown(0.2) == 3
        assert time.monotonic() - started >= 0.2
    assert [context.get("event_id") for context in errors.contexts("shutdown.timeout")] == ids
    eventually(lambda: f"raised HostError: {name}" in caplog.text)

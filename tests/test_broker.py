"""The broker fixture on which the other tests depend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.broker import DevBroker


def client(broker: DevBroker) -> dict[str, str | int | bool]:
    return {"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False}


def produce(broker: DevBroker, topic: str, value: bytes) -> object:
    """Returns the delivery error of the message, or None."""
    producer = Producer({**client(broker), "message.timeout.ms": 10_000})
    errors: list[object] = []
    producer.produce(topic, value, partition=0, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(10) == 0
    [error] = errors
    return error


def deliver(broker: DevBroker, topic: str, value: bytes) -> None:
    assert produce(broker, topic, value) is None


def read(broker: DevBroker, topic: str) -> bytes | None:
    """Returns the newest message: other tests may have sent some to the shared broker."""
    consumer = Consumer({**client(broker), "group.id": "test"})
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, end - 1)])
    message = consumer.poll(10)
    consumer.close()
    return None if message is None else message.value()


def test_a_message_sent_to_the_shared_broker_can_be_read(broker: DevBroker) -> None:
    *_, topic = broker.topics  # not the usage topic, which other tests read
    deliver(broker, topic, b"one")
    assert read(broker, topic) == b"one"


def test_a_killed_broker_restarts_on_its_address_with_its_data(tmp_path: Path) -> None:
    with DevBroker(data_dir=tmp_path) as broker:
        address, topic = broker.bootstrap, next(iter(broker.topics))
        deliver(broker, topic, b"kept")
        broker.kill()
        broker.restart()
        assert broker.bootstrap == address
        assert read(broker, topic) == b"kept"


def test_the_broker_process_ends_with_its_context_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), DevBroker() as broker:
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(broker.pid, 0)


def test_a_broker_that_cannot_start_raises_and_prints_the_reason(
    broker: DevBroker, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        DevBroker(listen=broker.bootstrap)
    assert f"{broker.bootstrap} is already in use" in capfd.readouterr().err


def test_produce_requests_fail_until_the_broker_is_healed() -> None:
    with DevBroker() as broker:
        broker.fail("MESSAGE_TOO_LARGE")
        topic = next(iter(broker.topics))
        assert "MSG_SIZE_TOO_LARGE" in str(produce(broker, topic, b"x"))
        broker.heal()
        assert produce(broker, topic, b"x") is None
        assert broker.produce_requests() == 2


def test_an_unknown_error_name_is_rejected() -> None:
    with DevBroker() as broker, pytest.raises(ValueError, match="NO_SUCH"):
        broker.fail("NO_SUCH")

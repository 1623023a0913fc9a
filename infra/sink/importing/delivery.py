"""Writes the events of a file to the usage topic, all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import USAGE_TOPIC
from infra.sink.errors import SinkError

_SECONDS = 20
_COMMIT_SECONDS = 120
# The most that brokers allow by default.
_TRANSACTION_MS = 900_000
TRANSACTIONAL_ID = f"{USAGE_TOPIC}.import"


def deliver(connection: Mapping[str, Any], events: Iterable[tuple[bytes, bytes]]) -> None:
    """Writes messages in one transaction: sinks read all of them once it is committed, or none.

    All imports share one transactional id, so that another one ends this one.

    Raises:
        UnavailableError: Kafka does not answer. None is written, or all are if only the answer to
            the commit is missing; written again, they count once.
        SinkError: another import took over.
    """
    last_error = LastError()
    producer = Producer(
        {
            **connection,
            **kafka.PRODUCER,
            "transactional.id": TRANSACTIONAL_ID,
            "transaction.timeout.ms": _TRANSACTION_MS,
            "error_cb": last_error,
        }
    )
    try:
        producer.init_transactions(_SECONDS)
        producer.begin_transaction()
        for key, value in events:
            _produce(producer, key, value)
        producer.commit_transaction(_COMMIT_SECONDS)
    except KafkaException as failure:
        error = failure.args[0]
        if error.fatal():
            raise SinkError(f"import stopped, another import took over: {error.str()}") from None
        cause = last_error.describe(producer, failure)
        raise kafka.command_error("import to", USAGE_TOPIC, connection, failure, cause) from None


def _produce(producer: Producer, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(USAGE_TOPIC, value=value, key=key)
        except BufferError:  # the queue is full until Kafka has some of it
            producer.poll(0.1)
        else:
            producer.poll(0)
            return

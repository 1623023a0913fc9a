"""Takes a message out of the way of a consumer group that stops at it, such as Connect's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from infra.kafka_errors import LastError
from infra.sink import headers, kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.decode import Rejection, decode
from infra.sink.dlq.producer import forms
from infra.sink.dlq.record import Origin
from infra.sink.dlq.replay import TRANSACTIONAL_ID
from infra.sink.errors import SinkError

_SECONDS = 20
# More than a batch of Kafka Connect; what lies before the message is read into memory.
_MOST_BEFORE = 20_000


class Taken(NamedTuple):
    """Why the message is a dead letter, and how many before it were produced again."""

    rejection: Rejection
    again: int


def take(connection: Mapping[str, Any], group: str, origin: Origin) -> Taken:
    """Writes a message to the dead-letter topic and moves the group past it, in one transaction.

    The group may not have stored the messages between its committed offset and this one, so they
    are produced to the usage topic again: an event that arrives twice counts once.

    Raises:
        UnavailableError: Kafka does not answer; nothing has changed.
        SinkError: the group has members, has passed the message, or is far from it.
    """
    last_error = LastError()
    shared = {**connection, "error_cb": last_error, "log_level": 0}
    consumer = Consumer(
        {
            **shared,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        _reject_members(connection, group)
        *before, message = _read(consumer, group, origin)
        decoded = decode(message.value())
        rejection = (
            decoded
            if isinstance(decoded, Rejection)
            else Rejection("refused", "taken from the usage topic, although it is an event")
        )
        _move(shared, consumer, before, (rejection, message))
    except KafkaException as failure:
        cause = last_error.describe(consumer, failure)
        raise kafka.command_error("take from", USAGE_TOPIC, connection, failure, cause) from None
    finally:
        consumer.close()
    return Taken(rejection, len(before))


class _Failures:
    """Whether a dead letter was too large for its topic; other errors end the transaction."""

    too_large = False

    def __call__(self, error: KafkaError | None, _: Message) -> None:
        self.too_large = error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE


def _reject_members(connection: Mapping[str, Any], group: str) -> None:
    """A member would go on from the offset that it has, and commit it again."""
    admin = AdminClient({**connection, "log_level": 0})
    found = admin.describe_consumer_groups([group], request_timeout=_SECONDS)[group].result()
    if found.state not in {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}:
        raise SinkError(
            f"group {group} has members: stop its connector or sinks first, and start them "
            "afterwards"
        )


def _read(consumer: Consumer, group: str, origin: Origin) -> list[Message]:
    """Returns the messages from the group's offset to the origin."""
    partition = TopicPartition(origin.topic, origin.partition)
    [committed] = consumer.committed([partition], timeout=_SECONDS)
    first, end = consumer.get_watermark_offsets(partition, timeout=_SECONDS)
    start = max(first, committed.offset)
    if not start <= origin.offset < end:
        raise SinkError(
            f"cannot take {origin}: group {group} is at offset {start} of {end} in that partition"
        )
    if origin.offset - start > _MOST_BEFORE:
        raise SinkError(
            f"cannot take {origin}: group {group} is at offset {start}, more than "
            f"{_MOST_BEFORE:,} before it, so it has not stopped at this message"
        )
    consumer.assign([TopicPartition(origin.topic, origin.partition, start)])
    messages: list[Message] = []
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        for message in consumer.consume(1_000, 0.5):
            error, offset = message.error(), message.offset()
            at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
            if error is not None and not at_end:
                raise KafkaException(error)
            if at_end or offset is None or offset > origin.offset:
                raise SinkError(f"no message at {origin}: that offset is a transaction marker's")
            messages.append(message)
            if offset == origin.offset:
                return messages
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))  # noqa: SLF001


def _move(
    properties: Mapping[str, Any],
    consumer: Consumer,
    before: Sequence[Message],
    letter: tuple[Rejection, Message],
) -> None:
    producer = Producer({**properties, **kafka.PRODUCER, "transactional.id": TRANSACTIONAL_ID})
    producer.init_transactions(_SECONDS)
    origin = Origin.of(letter[1])
    position = TopicPartition(origin.topic, origin.partition, origin.offset + 1)
    for form in forms(letter):
        failures = _Failures()
        producer.begin_transaction()
        for message in before:
            producer.produce(
                USAGE_TOPIC,
                value=message.value(),
                key=message.key(),
                headers=headers.read(message),
                partition=origin.partition,
            )
        producer.produce(
            DEAD_LETTER_TOPIC,
            **form._asdict(),
            on_delivery=failures,
        )
        producer.flush(_SECONDS)
        if failures.too_large:
            producer.abort_transaction(_SECONDS)
            continue
        producer.send_offsets_to_transaction(
            [position], consumer.consumer_group_metadata(), _SECONDS
        )
        producer.commit_transaction(_SECONDS)
        return
    raise SinkError(f"the dead letter of {origin} does not fit into {DEAD_LETTER_TOPIC}")

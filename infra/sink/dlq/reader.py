"""Reads the dead-letter topic, message by message: it may hold more than fits into memory."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.dlq.origins import OriginSet
from infra.sink.dlq.record import DeadLetter, Origin, replayed_origin

_SECONDS = 10
# Messages may have a megabyte each.
_READ = 100
_READ_AHEAD_KIB = 16_384


class Found(NamedTuple):
    """A dead letter, and whether it was replayed."""

    letter: DeadLetter
    replayed: bool


def read(connection: Mapping[str, Any]) -> Iterator[Found]:
    """Yields each dead letter that the topic holds at the start, the first of each origin.

    A sink that crashed may have written one twice. What a transaction has not committed is left
    out. Markers are read first, since they follow their dead letters in the topic.

    Raises:
        SinkError: Kafka does not answer, or the topic does not exist.
    """
    last_error = LastError()
    consumer = Consumer(
        {
            **connection,
            "group.id": "dead-letters",  # required by librdkafka; the group is never joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # once retention has removed the first offset
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": _READ_AHEAD_KIB,
            "error_cb": last_error,
            "log_level": 0,
        }
    )
    seen, replayed = OriginSet(), OriginSet()
    try:
        ends = _ends(consumer)
        for message in _messages(consumer, ends):
            origin = replayed_origin(message)
            if origin is not None:
                replayed.add(origin)
        for message in _messages(consumer, ends):
            if replayed_origin(message) is None:
                letter = DeadLetter.read(message)
                if seen.add(letter.origin):
                    yield Found(letter, letter.origin in replayed)
    except KafkaException as failure:
        cause = last_error.describe(consumer, failure)
        raise kafka.command_error("read", DEAD_LETTER_TOPIC, connection, failure, cause) from None
    finally:
        consumer.close()


def find(connection: Mapping[str, Any], origins: Collection[Origin]) -> dict[Origin, Found]:
    """Returns the dead letters of these origins that the topic holds."""
    return {each.letter.origin: each for each in read(connection) if each.letter.origin in origins}


def _ends(consumer: Consumer) -> dict[int, int]:
    """Returns the end offsets now: a replay that fails again must not be read again and again."""
    topic = consumer.list_topics(DEAD_LETTER_TOPIC, timeout=_SECONDS).topics[DEAD_LETTER_TOPIC]
    if topic.error is not None:
        raise KafkaException(topic.error)
    ends = {}
    for number in topic.partitions:
        partition = TopicPartition(DEAD_LETTER_TOPIC, number)
        first, end = consumer.get_watermark_offsets(partition, timeout=_SECONDS)
        if end > first:
            ends[number] = end
    return ends


def _messages(consumer: Consumer, ends: Mapping[int, int]) -> Iterator[Message]:
    consumer.assign([TopicPartition(DEAD_LETTER_TOPIC, each, 0) for each in ends])
    unread = set(ends)
    last_message = time.monotonic()
    while unread:
        messages = consumer.consume(_READ, 0.2)
        if messages:
            last_message = time.monotonic()
        elif time.monotonic() - last_message > _SECONDS:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))  # noqa: SLF001
        for message in messages:
            error = message.error()
            partition, offset = _position(message)
            if error is None:
                if offset < ends[partition]:
                    yield message
                if offset >= ends[partition] - 1:
                    unread.discard(partition)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                unread.discard(partition)
            elif not error.retriable():
                raise KafkaException(error)


def _position(message: Message) -> tuple[int, int]:
    # The types allow None, which only an error without a partition has.
    partition, offset = message.partition(), message.offset()
    return (-1 if partition is None else partition), (-1 if offset is None else offset)

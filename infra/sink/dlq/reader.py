"""Reads the whole dead-letter topic: which dead letters it holds, and which were replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.dlq.record import DeadLetter, Origin, replayed_origin

_SECONDS = 10
_READ = 1_000


@dataclass(frozen=True)
class DeadLetters:
    """What the topic holds, by origin: a sink that crashed may have written a dead letter twice."""

    by_origin: Mapping[Origin, DeadLetter]
    replayed: frozenset[Origin]

    def pending(self) -> Iterator[DeadLetter]:
        """Yields the dead letters that were not replayed, oldest first."""
        letters = (each for origin, each in self.by_origin.items() if origin not in self.replayed)
        return iter(sorted(letters, key=lambda letter: (letter.time, letter.origin)))


def read(connection: Mapping[str, Any]) -> DeadLetters:
    """Reads everything that the topic holds now, without what a transaction has not committed.

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
            "isolation.level": "read_committed",
            "error_cb": last_error,
            "log_level": 0,
        }
    )
    letters: dict[Origin, DeadLetter] = {}
    replayed: set[Origin] = set()
    try:
        for message in _messages(consumer):
            origin = replayed_origin(message)
            if origin is not None:
                replayed.add(origin)
            else:
                letter = DeadLetter.read(message)
                letters.setdefault(letter.origin, letter)
    except KafkaException as failure:
        cause = last_error.describe(consumer, failure)
        raise kafka.command_error("read", DEAD_LETTER_TOPIC, connection, failure, cause) from None
    finally:
        consumer.close()
    return DeadLetters(letters, frozenset(replayed))


def _messages(consumer: Consumer) -> Iterator[Message]:
    topic = consumer.list_topics(DEAD_LETTER_TOPIC, timeout=_SECONDS).topics[DEAD_LETTER_TOPIC]
    if topic.error is not None:
        raise KafkaException(topic.error)
    consumer.assign([TopicPartition(DEAD_LETTER_TOPIC, each, 0) for each in topic.partitions])
    unread = set(topic.partitions)
    last_message = time.monotonic()
    while unread:
        messages = consumer.consume(_READ, 0.2)
        if messages:
            last_message = time.monotonic()
        elif time.monotonic() - last_message > _SECONDS:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))  # noqa: SLF001
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                unread.discard(message.partition())
            elif not error.retriable():
                raise KafkaException(error)

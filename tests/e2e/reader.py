"""Reads from Kafka what services sent to it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from eka_usage import USAGE_TOPIC, UsageEvent

_read = msgspec.json.Decoder(UsageEvent).decode
_SECONDS = 30


def ends(bootstrap: str) -> list[TopicPartition]:
    """Returns the end offset of each partition of the topic."""
    consumer = _consumer(bootstrap)
    try:
        return [
            TopicPartition(USAGE_TOPIC, each, _end(consumer, each))
            for each in sorted(_partitions(consumer))
        ]
    finally:
        consumer.close()


def read_events(
    bootstrap: str, since: Sequence[TopicPartition] = (), **properties: str
) -> list[UsageEvent]:
    """Returns the events of `read_messages`."""
    messages = read_messages(bootstrap, since, **properties)
    return [_read(message.value() or b"") for message in messages]


def read_messages(
    bootstrap: str, since: Sequence[TopicPartition] = (), **properties: str
) -> list[Message]:
    """Returns every committed message of the topic; with the offsets of `ends`, the newer ones.

    Properties of librdkafka have `_` in place of `.`.
    """
    offsets = {partition.partition: partition.offset for partition in since}
    consumer = _consumer(bootstrap, **properties)
    try:
        unread = _partitions(consumer)
        consumer.assign(
            [TopicPartition(USAGE_TOPIC, each, offsets.get(each, 0)) for each in unread]
        )
        found: list[Message] = []
        deadline = time.monotonic() + _SECONDS
        while unread:
            for message in consumer.consume(10_000, timeout=1):
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread -= {message.partition()}
                else:
                    raise RuntimeError(f"cannot read {USAGE_TOPIC}: {error}")
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"read {len(found)} events in {_SECONDS} s without reaching the end"
                )
    finally:
        consumer.close()
    return found


def _end(consumer: Consumer, partition: int) -> int:
    """Returns the end offset of a partition, also while its leader is elected."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return consumer.get_watermark_offsets(
                TopicPartition(USAGE_TOPIC, partition), timeout=10
            )[1]
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _partitions(consumer: Consumer) -> set[int]:
    return set(consumer.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC].partitions)


def _consumer(bootstrap: str, **properties: str) -> Consumer:
    return Consumer(
        {
            **{name.replace("_", "."): value for name, value in properties.items()},
            "bootstrap.servers": bootstrap,
            "group.id": "reader",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "enable.metrics.push": False,
        }
    )

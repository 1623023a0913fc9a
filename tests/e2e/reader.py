"""Reads what services sent back from Kafka."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition
from eka_usage import USAGE_TOPIC, UsageEvent

_read = msgspec.json.Decoder(UsageEvent).decode
_SECONDS = 30


def ends(bootstrap: str) -> list[TopicPartition]:
    """Where each partition of the topic ends now."""
    consumer = _consumer(bootstrap)
    try:
        partitions = consumer.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC].partitions
        found = [TopicPartition(USAGE_TOPIC, partition) for partition in sorted(partitions)]
        for partition in found:
            partition.offset = consumer.get_watermark_offsets(partition, timeout=10)[1]
        return found
    finally:
        consumer.close()


def read_events(bootstrap: str, since: Sequence[TopicPartition] = ()) -> list[UsageEvent]:
    """Every event that `read_messages` finds."""
    return [_read(message.value() or b"") for message in read_messages(bootstrap, since)]


def read_messages(bootstrap: str, since: Sequence[TopicPartition] = ()) -> list[Message]:
    """Every message that the topic holds now, by partition and in the order of each.

    `since` is what `ends` said earlier: then only what came after that.
    """
    behind = {partition.partition: partition.offset for partition in since}
    targets = ends(bootstrap)
    starts = [
        TopicPartition(USAGE_TOPIC, end.partition, behind.get(end.partition, 0)) for end in targets
    ]
    left = sum(end.offset - start.offset for start, end in zip(starts, targets, strict=True))
    consumer = _consumer(bootstrap)
    try:
        consumer.assign(starts)
        found: list[Message] = []
        deadline = time.monotonic() + _SECONDS
        while left > len(found):
            for message in consumer.consume(min(left - len(found), 10_000), timeout=1):
                if message.error() is not None:
                    raise RuntimeError(f"cannot read {USAGE_TOPIC}: {message.error()}")
                found.append(message)
            if time.monotonic() > deadline:
                raise TimeoutError(f"read {len(found)} of {left} events in {_SECONDS} s")
    finally:
        consumer.close()
    return found


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.metrics.push": False}
    )

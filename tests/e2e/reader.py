"""Reads usage events back from Kafka, as a sink would."""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import Consumer, TopicPartition
from eka_usage import USAGE_TOPIC, UsageEvent

_read = msgspec.json.Decoder(UsageEvent).decode
_SECONDS = 30


def read_events(bootstrap: str) -> list[UsageEvent]:
    """Every event that the topic holds now, by partition and in the order of each."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.metrics.push": False}
    )
    try:
        partitions = consumer.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC].partitions
        starts = [TopicPartition(USAGE_TOPIC, partition, 0) for partition in sorted(partitions)]
        left = sum(consumer.get_watermark_offsets(start, timeout=10)[1] for start in starts)
        consumer.assign(starts)
        found: list[bytes] = []
        deadline = time.monotonic() + _SECONDS
        while left > len(found):
            for message in consumer.consume(min(left - len(found), 10_000), timeout=1):
                if message.error() is not None:
                    raise RuntimeError(f"cannot read {USAGE_TOPIC}: {message.error()}")
                found.append(message.value() or b"")
            if time.monotonic() > deadline:
                raise TimeoutError(f"read {len(found)} of {left} events in {_SECONDS} s")
    finally:
        consumer.close()
    return [_read(value) for value in found]

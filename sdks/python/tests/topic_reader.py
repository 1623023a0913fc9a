"""Reads back the events that reached the embedded broker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition
from eka_usage import USAGE_TOPIC

from tests.broker import DevBroker

_SECONDS = 20


class Message(NamedTuple):
    """One message in the topic of usage events."""

    partition: int
    key: bytes
    value: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.value)


class TopicReader:
    """Reads the messages that reach a broker after this reader was made."""

    def __init__(self, consumer: Consumer, *, from_the_start: bool = False) -> None:
        self._consumer = consumer
        ends = self._ends()
        self._starts = dict.fromkeys(ends, 0) if from_the_start else ends

    def messages(self) -> list[Message]:
        """Returns all messages so far, those of a partition in their order."""
        left = self._ends()
        wanted = sum(left[partition] - start for partition, start in self._starts.items())
        self._consumer.assign(
            [TopicPartition(USAGE_TOPIC, number, start) for number, start in self._starts.items()]
        )
        found: list[Message] = []
        deadline = time.monotonic() + _SECONDS
        while len(found) < wanted:
            assert time.monotonic() < deadline, f"read {len(found)} of {wanted} messages"
            for message in self._consumer.consume(min(wanted - len(found), 10_000), timeout=0.1):
                assert message.error() is None, message.error()
                found.append(
                    Message(message.partition() or 0, message.key() or b"", message.value() or b"")
                )
        return found

    def events(self) -> list[Any]:
        """Returns the same messages, decoded."""
        return [message.event for message in self.messages()]

    def _ends(self) -> dict[int, int]:
        partitions = self._consumer.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC]
        return {
            number: self._consumer.get_watermark_offsets(
                TopicPartition(USAGE_TOPIC, number), timeout=10
            )[1]
            for number in sorted(partitions.partitions)
        }


def new_consumer(bootstrap: str) -> Consumer:
    """Returns a consumer for a `TopicReader`."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests",
            "enable.auto.commit": False,
            "enable.metrics.push": False,
            "fetch.wait.max.ms": 20,
            "fetch.error.backoff.ms": 20,
        }
    )


def delivered_events(broker: DevBroker) -> list[Any]:
    """Returns all events of a broker that the test started itself."""
    consumer = new_consumer(broker.bootstrap)
    try:
        return TopicReader(consumer, from_the_start=True).events()
    finally:
        consumer.close()


@pytest.fixture(scope="session")
def consumer(broker: DevBroker) -> Iterator[Consumer]:
    """One consumer for all tests of a pytest worker."""
    made = new_consumer(broker.bootstrap)
    yield made
    made.close()

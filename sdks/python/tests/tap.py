"""Reads back what reached the embedded broker."""

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


class Delivered(NamedTuple):
    """One message that the broker holds."""

    partition: int
    key: bytes
    value: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.value)


class Tap:
    """The messages that reach a broker from when this was made."""

    def __init__(self, consumer: Consumer, *, from_the_start: bool = False) -> None:
        self._consumer = consumer
        ends = self._ends()
        self._starts = dict.fromkeys(ends, 0) if from_the_start else ends

    def read(self) -> list[Delivered]:
        """All there are now, in the order of each partition."""
        left = self._ends()
        wanted = sum(left[partition] - start for partition, start in self._starts.items())
        self._consumer.assign(
            [TopicPartition(USAGE_TOPIC, number, start) for number, start in self._starts.items()]
        )
        found: list[Delivered] = []
        deadline = time.monotonic() + _SECONDS
        while len(found) < wanted:
            assert time.monotonic() < deadline, f"read {len(found)} of {wanted} messages"
            for message in self._consumer.consume(min(wanted - len(found), 10_000), timeout=0.1):
                assert message.error() is None, message.error()
                found.append(
                    Delivered(
                        message.partition() or 0, message.key() or b"", message.value() or b""
                    )
                )
        return found

    def events(self) -> list[Any]:
        """The same, decoded."""
        return [message.event for message in self.read()]

    def _ends(self) -> dict[int, int]:
        partitions = self._consumer.list_topics(USAGE_TOPIC, timeout=10).topics[USAGE_TOPIC]
        return {
            number: self._consumer.get_watermark_offsets(
                TopicPartition(USAGE_TOPIC, number), timeout=10
            )[1]
            for number in sorted(partitions.partitions)
        }


def reader(bootstrap: str) -> Consumer:
    """A consumer for a tap."""
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


def delivered(broker: DevBroker) -> list[Any]:
    """All events that a broker of a test's own holds."""
    consumer = reader(broker.bootstrap)
    try:
        return Tap(consumer, from_the_start=True).events()
    finally:
        consumer.close()


@pytest.fixture(scope="session")
def consumer(broker: DevBroker) -> Iterator[Consumer]:
    """One consumer for all the tests of a worker."""
    made = reader(broker.bootstrap)
    yield made
    made.close()

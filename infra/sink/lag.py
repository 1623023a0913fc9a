"""How many messages the store does not have yet."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec

_SECONDS = 1.0


class Lag:
    """Asks for the ends of partitions in the background, also while nothing is read."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._admin = AdminClient({**connection, "log_level": 0})
        self._ends: dict[int, int] = {}
        self._asked = 0.0
        self._answers: dict[TopicPartition, Future[ListOffsetsResultInfo]] = {}

    def forget(self) -> None:
        """Partitions changed hands: what was heard of their ends is old."""
        self._ends, self._answers, self._asked = {}, {}, 0.0

    def measure(self, topic: str, done: Mapping[int, int]) -> int | None:
        """By the latest answer, what lies behind the offsets up to which partitions are done.

        None before there is an answer, and after one that failed.
        """
        self._hear()
        if not self._answers and time.monotonic() - self._asked >= _SECONDS:
            self._ask(topic, done)
        if not done.keys() <= self._ends.keys():
            return None
        return sum(max(0, self._ends[partition] - at) for partition, at in done.items())

    def _ask(self, topic: str, partitions: Iterable[int]) -> None:
        self._asked = time.monotonic()
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, partition): latest for partition in partitions}
        if wanted:
            self._answers = self._admin.list_offsets(wanted, request_timeout=10)

    def _hear(self) -> None:
        if not all(answer.done() for answer in self._answers.values()):
            return
        for position, answer in self._answers.items():
            failure = answer.exception()
            if failure is None:
                self._ends[position.partition] = answer.result().offset
            elif isinstance(failure, KafkaException):
                self._ends.pop(position.partition, None)  # what was heard before is old
            else:
                raise failure
        self._answers = {}

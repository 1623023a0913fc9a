"""Consumer lag: how many messages the store does not have yet."""

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
    """Fetches the end offsets of partitions in the background, also while consumption is paused."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._admin = AdminClient({**connection, "log_level": 0})
        self._ends: dict[int, int] = {}
        self._requested_at = 0.0
        self._requests: dict[TopicPartition, Future[ListOffsetsResultInfo]] = {}

    def forget(self) -> None:
        """Discards all end offsets, which are outdated after a rebalance."""
        self._ends, self._requests, self._requested_at = {}, {}, 0.0

    def measure(self, topic: str, done: Mapping[int, int]) -> int | None:
        """Returns how many messages lie between the `done` offsets and the latest end offsets.

        None before the first response, and after one that failed.
        """
        self._collect()
        if not self._requests and time.monotonic() - self._requested_at >= _SECONDS:
            self._request(topic, done)
        if not done.keys() <= self._ends.keys():
            return None
        return sum(max(0, self._ends[partition] - at) for partition, at in done.items())

    def _request(self, topic: str, partitions: Iterable[int]) -> None:
        self._requested_at = time.monotonic()
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, partition): latest for partition in partitions}
        if wanted:
            self._requests = self._admin.list_offsets(wanted, request_timeout=10)

    def _collect(self) -> None:
        if not all(request.done() for request in self._requests.values()):
            return
        for position, request in self._requests.items():
            failure = request.exception()
            if failure is None:
                self._ends[position.partition] = request.result().offset
            elif isinstance(failure, KafkaException):
                self._ends.pop(position.partition, None)  # the offset known so far is outdated
            else:
                raise failure
        self._requests = {}

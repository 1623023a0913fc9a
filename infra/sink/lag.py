"""Consumer lag: how many messages the store does not have yet."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from infra.sink._generated.fields import USAGE_TOPIC

_SECONDS = 1.0
_REQUEST_SECONDS = 10


class Layout(NamedTuple):
    """What changes if partitions are added to the topic, or it is deleted and created again."""

    topic_id: str
    partitions: tuple[int, ...]


class Lag:
    """Fetches the offsets of all partitions in the background, also while consumption is paused.

    Partitions are those that the topic has, not those that a sink was assigned: what no sink reads
    is lag too. Other sinks' partitions count from their committed offset.
    """

    def __init__(self, connection: Mapping[str, Any], group: str) -> None:
        self._admin = AdminClient({**connection, "log_level": 0})
        # It joins no group. An AdminClient would wait on for a coordinator that restarted.
        self._reader = Consumer({**connection, "group.id": group, "log_level": 0})
        self._ends: dict[int, int] | None = None
        self._starts: dict[int, int] = {}
        self.layout: Layout | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        self._thread.start()

    def measure(self, done: Mapping[int, int]) -> int | None:
        """Returns how many messages lie between the `done` offsets and the latest end offsets.

        None before the first response, and after one that failed.
        """
        ends, starts = self._ends, self._starts
        if ends is None or not done.keys() <= ends.keys():
            return None
        return sum(max(0, end - done.get(p, starts.get(p, end))) for p, end in ends.items())

    def close(self) -> None:
        """Stops fetching and closes the connections; a request under way is not waited for."""
        self._closed.set()
        self._thread.join(_SECONDS)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._starts, self._ends = self._fetch()
            except KafkaException:
                self._ends = None  # the offsets known so far are outdated
            self._closed.wait(_SECONDS)
        self._reader.close()

    def _fetch(self) -> tuple[dict[int, int], dict[int, int]]:
        """Returns where the group starts to read in each partition, and where each ends."""
        self.layout = self.fetch_layout()
        partitions = list(self.layout.partitions)
        committed = self._committed(partitions)
        earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        starts = self._offsets([p for p in partitions if p not in committed], earliest)
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        return starts | committed, self._offsets(partitions, latest)

    def fetch_layout(self) -> Layout:
        """Returns the topic's layout now.

        Raises:
            KafkaException: Kafka is unavailable, or the topic does not exist.
        """
        request = self._admin.describe_topics(
            TopicCollection([USAGE_TOPIC]), request_timeout=_REQUEST_SECONDS
        )
        topic = request[USAGE_TOPIC].result()
        return Layout(str(topic.topic_id), tuple(sorted(each.id for each in topic.partitions)))

    def _committed(self, partitions: list[int]) -> dict[int, int]:
        asked = [TopicPartition(USAGE_TOPIC, partition) for partition in partitions]
        try:
            found = self._reader.committed(asked, timeout=_REQUEST_SECONDS)
        except KafkaException as failure:
            if failure.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def _offsets(self, partitions: list[int], which: OffsetSpec) -> dict[int, int]:
        if not partitions:
            return {}
        wanted = {TopicPartition(USAGE_TOPIC, partition): which for partition in partitions}
        found = self._admin.list_offsets(wanted, request_timeout=_REQUEST_SECONDS)
        return {position.partition: each.result().offset for position, each in found.items()}

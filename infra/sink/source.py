"""The usage topic, read as one of a group of sinks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.sink._generated.fields import USAGE_TOPIC
from infra.sink.errors import SinkError
from infra.sink.lag import Lag

_LOG = logging.getLogger("sink")
# How long the share of a sink that died stays unread, where it has no name to come back by.
_SESSION_MS = 10_000
_CLOSING_SECONDS = 5
_ASKING_SECONDS = 5
# How long what was said once is not said again.
_SILENT_SECONDS = 30
# Read ahead of the batch; with the batch's own limits it bounds the memory.
_READ_AHEAD_KIB = 65_536


class Source:
    """Messages in the order of their partitions, and the offsets behind those that are done with.

    `leaving` is called while the partitions are still this sink's, `lost` when they no longer are;
    both end what was read and is not committed: whoever gets a partition begins at its commit. One
    that has an `instance` takes its partitions back when it starts again.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        group: str,
        instance: str | None = None,
        *,
        leaving: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._paused = False
        self._committing = 0
        self._assigned = False
        self._done: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._said: dict[str, float] = {}
        self._lag = Lag(connection)
        self._consumer = Consumer(
            {
                **connection,
                "group.id": group,
                **({"group.instance.id": instance} if instance else {}),
                "session.timeout.ms": _SESSION_MS,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                # All partitions change hands at once, so that a batch never has to be taken apart.
                "partition.assignment.strategy": "range",
                "queued.max.messages.kbytes": _READ_AHEAD_KIB,
                "on_commit": self._committed,
                "error_cb": self._trouble,
                "log_level": 0,
            }
        )
        self._consumer.subscribe(
            [USAGE_TOPIC],
            on_assign=lambda _, partitions: self._assign(partitions),
            on_revoke=lambda *_: self._revoked(leaving),
            on_lost=lambda *_: self._revoked(lost),
        )

    def read(self, most: int, seconds: float) -> list[Message]:
        """What came within `seconds`; partitions change hands inside this call."""
        found = []
        for message in self._consumer.consume(most, seconds):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._ends[cast("int", message.partition())] = cast("int", message.offset())
            elif error.fatal():
                raise SinkError(f"Kafka: {error.str()}")
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                _LOG.warning("there is no topic %s: run infra/create-topics.sh", USAGE_TOPIC)
            else:
                self._trouble(error)
        return found

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Asks for the commit without waiting for it: a commit that fails repeats events, at worst.

        The next one speaks for it too, and what is repeated counts once.
        """
        self._committing += 1
        self._done |= offsets
        self._consumer.commit(offsets=_positions(offsets), asynchronous=True)

    def commit_now(self, offsets: Mapping[int, int]) -> None:
        """Commits before the partitions change hands."""
        try:
            self._consumer.commit(offsets=_positions(offsets), asynchronous=False)
        except KafkaException as failure:
            _LOG.warning("the last commit failed, its events repeat: %s", failure.args[0].str())

    def _committed(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        self._committing = max(0, self._committing - 1)
        if error is not None:
            _LOG.warning("a commit failed, the next one speaks for it: %s", error.str())

    def pause(self) -> None:
        """Stays in the group without reading on."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Reads on."""
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())

    def _trouble(self, error: KafkaError) -> None:
        # librdkafka tries again by itself, many times a second, and says each time that it failed.
        words, now = error.str().partition(" (after ")[0], time.monotonic()
        self._said = {each: at for each, at in self._said.items() if now - at < _SILENT_SECONDS}
        if words not in self._said:
            self._said[words] = now
            _LOG.warning("Kafka: %s", words)

    def _revoked(self, tell: Callable[[], None]) -> None:
        tell()
        self._assigned = False

    def _assign(self, partitions: list[TopicPartition]) -> None:
        _LOG.info("reads partitions %s", sorted(p.partition for p in partitions))
        self._assigned = True
        self._done = {p.partition: self._start(p) for p in partitions}
        self._ends = {}
        self._lag.forget()
        if self._paused:
            self._consumer.assign(partitions)
            self._consumer.pause(partitions)

    def _start(self, partition: TopicPartition) -> int:
        try:
            [committed] = self._consumer.committed([partition], timeout=_ASKING_SECONDS)
            if committed.offset >= 0:
                return committed.offset
            return self._consumer.get_watermark_offsets(partition, timeout=_ASKING_SECONDS)[0]
        except KafkaException:
            return 0  # only the lag is off, until the first commit

    def lag(self, *, idle: bool) -> int | None:
        """How many messages of its partitions are not done with, if known; `idle`: none in hand.

        It is not known before there are partitions, nor while Kafka is away.
        """
        if not self._assigned:
            return None
        if idle:
            # What ends a transaction takes an offset too, and is no message.
            self._done |= {p: end for p, end in self._ends.items() if end > self._done.get(p, end)}
        return self._lag.measure(USAGE_TOPIC, self._done)

    def close(self) -> None:
        """Waits a while for commits that are under way, and leaves the group."""
        deadline = time.monotonic() + _CLOSING_SECONDS
        self.pause()
        while self._committing and time.monotonic() < deadline:
            self._consumer.poll(0.1)
        self._consumer.close()


def _positions(offsets: Mapping[int, int]) -> list[TopicPartition]:
    return [TopicPartition(USAGE_TOPIC, *position) for position in offsets.items()]

"""Consumes the usage topic as a member of the sinks' consumer group."""

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
# How long the partitions of a crashed sink stay unassigned.
_SESSION_MS = 10_000
_CLOSING_SECONDS = 5
_REQUEST_SECONDS = 5
# An error is logged once within this time.
_REPEAT_SECONDS = 30
# Prefetched beyond the batch; together with the batch's limits it bounds the memory.
_READ_AHEAD_KIB = 65_536


class Source:
    """Yields messages in the order of their partitions, and commits their offsets.

    `revoked` is called while the partitions are still assigned to this sink, `lost` when they no
    longer are. After either, nothing that was read and not committed may be used: the next owner
    of a partition starts at the committed offset. With an `instance`, the sink is a static member
    and keeps its partitions across a restart.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        group: str,
        instance: str | None = None,
        *,
        revoked: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._paused = False
        self._committing = 0
        self._assigned = False
        self._done: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._logged: dict[str, float] = {}
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
                # An eager rebalance revokes all partitions, so a batch never has to be split.
                "partition.assignment.strategy": "range",
                "queued.max.messages.kbytes": _READ_AHEAD_KIB,
                "on_commit": self._committed,
                "error_cb": self._log_error,
                "log_level": 0,
            }
        )
        self._consumer.subscribe(
            [USAGE_TOPIC],
            on_assign=lambda _, partitions: self._assign(partitions),
            on_revoke=lambda *_: self._unassign(revoked),
            on_lost=lambda *_: self._unassign(lost),
        )

    def read(self, most: int, seconds: float) -> list[Message]:
        """Returns the messages of the next `seconds`; rebalances happen inside this call."""
        messages = []
        for message in self._consumer.consume(most, seconds):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._ends[cast("int", message.partition())] = cast("int", message.offset())
            elif error.fatal():
                raise SinkError(f"consumer stopped by a fatal Kafka error: {error.str()}")
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                _LOG.warning("topic %s does not exist: run infra/create-topics.sh", USAGE_TOPIC)
            else:
                self._log_error(error)
        return messages

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits without waiting: a failed commit repeats events at worst, which count once.

        The next commit covers the same offsets.
        """
        self._committing += 1
        self._done |= offsets
        self._consumer.commit(offsets=_positions(offsets), asynchronous=True)

    def commit_now(self, offsets: Mapping[int, int]) -> None:
        """Commits and waits, for use before partitions are revoked."""
        try:
            self._consumer.commit(offsets=_positions(offsets), asynchronous=False)
        except KafkaException as failure:
            _LOG.warning(
                "commit before the rebalance failed, its events are read again: %s",
                failure.args[0].str(),
            )

    def _committed(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        self._committing = max(0, self._committing - 1)
        if error is not None:
            _LOG.warning("commit failed, the next one covers its offsets: %s", error.str())

    def pause(self) -> None:
        """Pauses consumption without leaving the group."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Resumes consumption."""
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())

    def _log_error(self, error: KafkaError) -> None:
        # librdkafka retries by itself, many times a second, and reports every failed attempt.
        text, now = error.str().partition(" (after ")[0], time.monotonic()
        self._logged = {each: at for each, at in self._logged.items() if now - at < _REPEAT_SECONDS}
        if text not in self._logged:
            self._logged[text] = now
            _LOG.warning("Kafka: %s", text)

    def _unassign(self, callback: Callable[[], None]) -> None:
        callback()
        self._assigned = False

    def _assign(self, partitions: list[TopicPartition]) -> None:
        _LOG.info("assigned partitions %s", sorted(p.partition for p in partitions))
        self._assigned = True
        self._done = {p.partition: self._start(p) for p in partitions}
        self._ends = {}
        self._lag.forget()
        if self._paused:
            self._consumer.assign(partitions)
            self._consumer.pause(partitions)

    def _start(self, partition: TopicPartition) -> int:
        try:
            [committed] = self._consumer.committed([partition], timeout=_REQUEST_SECONDS)
            if committed.offset >= 0:
                return committed.offset
            return self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_SECONDS)[0]
        except KafkaException:
            return 0  # only the lag is wrong, until the first commit

    def lag(self, *, idle: bool) -> int | None:
        """Returns how many messages of the assigned partitions are not stored.

        `idle` is whether none is read and not committed. None before an assignment, and while Kafka
        is unavailable.
        """
        if not self._assigned:
            return None
        if idle:
            # A transaction marker takes an offset too, and is never delivered as a message.
            self._done |= {p: end for p, end in self._ends.items() if end > self._done.get(p, end)}
        return self._lag.measure(USAGE_TOPIC, self._done)

    def close(self) -> None:
        """Waits briefly for pending commits, and leaves the group."""
        deadline = time.monotonic() + _CLOSING_SECONDS
        self.pause()
        while self._committing and time.monotonic() < deadline:
            self._consumer.poll(0.1)
        self._consumer.close()


def _positions(offsets: Mapping[int, int]) -> list[TopicPartition]:
    return [TopicPartition(USAGE_TOPIC, *position) for position in offsets.items()]

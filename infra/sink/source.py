"""Consumes the usage topic as a member of the sinks' consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from infra.sink._generated.fields import USAGE_TOPIC
from infra.sink.errors import SinkError
from infra.sink.gap import Gap
from infra.sink.lag import Lag
from infra.sink.membership import Membership

_LOG = logging.getLogger("sink")
_CLOSING_SECONDS = 5
_REQUEST_SECONDS = 5
# An error is logged once within this time.
_REPEAT_SECONDS = 30


class Source:
    """Yields messages in the order of their partitions, and commits their offsets.

    `revoked` is called while the partitions are still assigned to this sink, `lost` when they no
    longer are. After either, nothing that was read and not committed may be used: the next owner
    of a partition starts at the committed offset, and so does this sink with those it keeps. With
    an `instance`, the sink is a static member and keeps its partitions across a restart.
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
        self._revoked, self._lost = revoked, lost
        self._paused = False
        self._committing = 0
        self._assigned = False
        self._rewind = False
        self._from_start = False
        self._topic_id = ""
        self._done: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._gaps: list[Gap] = []
        self._logged: dict[str, float] = {}
        self._lag = Lag(connection, group)
        self._membership = Membership(
            {**connection, "on_commit": self._committed, "error_cb": self._log_error},
            group,
            instance,
        )
        self._subscribe()

    def _subscribe(self) -> None:
        self._joined = False
        self._consumer = self._membership.open()
        self._consumer.subscribe(
            [USAGE_TOPIC],
            on_assign=lambda _, partitions: self._assign(partitions),
            on_revoke=lambda _, partitions: self._unassign(partitions, self._revoked),
            on_lost=lambda _, partitions: self._unassign(partitions, self._lost),
        )

    def read(self, most: int, seconds: float) -> list[Message]:
        """Returns the messages of the next `seconds`; rebalances happen inside this call."""
        messages = []
        for message in self._consumer.consume(most, seconds):
            error = message.error()
            partition, offset = cast("int", message.partition()), cast("int", message.offset())
            if error is None:
                messages.append(message)
                self._pass(partition, offset, offset + 1)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._ends[partition] = offset
                self._pass(partition, offset, offset)
            elif error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
                if not self._membership.recovers(error.str()):
                    raise SinkError(f"consumer stopped by a fatal Kafka error: {error.str()}")
                self._reopen()
                return []
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                _LOG.warning("topic %s does not exist: run infra/create-topics.sh", USAGE_TOPIC)
            else:
                self._log_error(error)
        if self._rewind:
            self._rewind = False
            self._seek_to_done()
            return []
        layout = self._lag.layout
        if self._membership.is_outdated(layout) or (
            not self._joined and self._membership.is_ignored(layout)
        ):
            # The classic protocol reads on in a topic created again where it was in the former one.
            self._from_start = layout is not None and self._topic_id not in ("", layout.topic_id)
            self._reopen()
            return []
        return messages

    def _pass(self, partition: int, offset: int, following: int) -> None:
        if offset > self._next.get(partition, offset):
            self._find_gap(partition, offset)
        self._next[partition] = following

    def _find_gap(self, partition: int, offset: int) -> None:
        """Notes what retention removed before `offset`; transaction markers are no gap."""
        position = TopicPartition(USAGE_TOPIC, partition)
        try:
            first, _ = self._consumer.get_watermark_offsets(position, timeout=_REQUEST_SECONDS)
        except KafkaException:
            return  # an offset that is not committed yet is found again
        gap = Gap(partition, self._next[partition], min(offset, first) - 1)
        if gap.messages > 0:
            self._gaps.append(gap)
            _LOG.warning("retention removed messages before they were stored: %s", gap)

    def take_gaps(self) -> list[Gap]:
        """Returns what was found missing since the last call."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _reopen(self) -> None:
        """Joins the group again, as another consumer; closing this one revokes its partitions."""
        self._consumer.close()
        if self._done:
            self._unassign(_positions(self._done), self._lost)
        self._committing = 0
        self._rewind = False
        self._subscribe()

    def _seek_to_done(self) -> None:
        """Reads again, after a rebalance, what was read from the partitions that stayed.

        Whatever of it was not stored before the rebalance is in no batch any more.
        """
        self._next |= self._done
        for position in _positions(self._done):
            try:
                self._consumer.seek(position)
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() != KafkaError._STATE:  # noqa: SLF001
                    raise SinkError(f"cannot read on after a rebalance: {error.str()}") from None
                # Its consumption has not begun, and begins at the committed offset.

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits without waiting: a failed commit repeats events at worst, which count once.

        The next commit covers the same offsets.
        """
        self._committing += 1
        self._done |= offsets
        self._consumer.commit(offsets=_positions(offsets), asynchronous=True)

    def commit_now(self, offsets: Mapping[int, int]) -> None:
        """Commits and waits, for use before partitions are revoked.

        A topic that was created again has offsets of its own, so those of its predecessor are not
        committed to it.
        """
        try:
            if self._topic_id not in ("", self._lag.fetch_layout().topic_id):
                return
            self._consumer.commit(offsets=_positions(offsets), asynchronous=False)
            self._done |= offsets
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

    def _unassign(self, partitions: list[TopicPartition], callback: Callable[[], None]) -> None:
        callback()
        self._gaps.clear()
        for each in partitions:
            self._done.pop(each.partition, None)
            self._ends.pop(each.partition, None)
            self._next.pop(each.partition, None)
        self._assigned = bool(self._done)
        self._rewind = True

    def _assign(self, partitions: list[TopicPartition]) -> None:
        if self._from_start:
            for each in partitions:
                each.offset = OFFSET_BEGINNING
            self._membership.assign(partitions)
            self._done |= {each.partition: 0 for each in partitions}
            self._from_start = False
        else:
            self._done |= self._starts(partitions)
        self._next |= {each.partition: self._done[each.partition] for each in partitions}
        self._joined = self._assigned = True
        self._topic_id = self._fetch_topic_id()
        _LOG.info("assigned partitions %s", sorted(self._done))
        if self._paused:
            self._membership.assign(partitions)
            self._consumer.pause(partitions)

    def _fetch_topic_id(self) -> str:
        try:
            return self._lag.fetch_layout().topic_id
        except KafkaException:
            return ""

    def _starts(self, partitions: list[TopicPartition]) -> dict[int, int]:
        try:
            committed = self._consumer.committed(partitions, timeout=_REQUEST_SECONDS)
            return {each.partition: self._start(each) for each in committed}
        except KafkaException:
            # Nothing is skipped: at worst, a rebalance makes the sink read them from the start.
            return {each.partition: 0 for each in partitions}

    def _start(self, committed: TopicPartition) -> int:
        if committed.offset >= 0:
            return committed.offset
        return self._consumer.get_watermark_offsets(committed, timeout=_REQUEST_SECONDS)[0]

    def lag(self, *, idle: bool) -> int | None:
        """Returns how many messages of the topic are not stored, by this sink or another.

        `idle` is whether none is read and not committed. None before an assignment, and while Kafka
        is unavailable.
        """
        if not self._assigned:
            return None
        if idle:
            # A transaction marker takes an offset too, and is never delivered as a message.
            passed = {p: end for p, end in self._ends.items() if end > self._done.get(p, end)}
            if passed:
                self.commit(passed)
        return self._lag.measure(self._done)

    def close(self) -> None:
        """Waits briefly for pending commits, and leaves the group."""
        deadline = time.monotonic() + _CLOSING_SECONDS
        self.pause()
        while self._committing and time.monotonic() < deadline:
            self._consumer.poll(0.1)
        self._lag.close()
        self._consumer.close()


def _positions(offsets: Mapping[int, int]) -> list[TopicPartition]:
    return [TopicPartition(USAGE_TOPIC, *position) for position in offsets.items()]

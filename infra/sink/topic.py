"""Reads a topic up to where it ends, without a group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from confluent_kafka import (
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

_SECONDS = 10
# Messages may have a megabyte each.
_READ = 100
_READ_AHEAD_KIB = 16_384


def consumer(connection: Mapping[str, Any], group: str, **rest: Any) -> Consumer:
    """Returns a consumer of committed messages; the group is named, as Kafka asks, not joined."""
    return Consumer(
        {
            **connection,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # once retention has removed the first offset
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": _READ_AHEAD_KIB,
            "log_level": 0,
            **rest,
        }
    )


def ends(reader: Consumer, topic: str) -> dict[int, int]:
    """Returns where the partitions end that hold messages now.

    Raises:
        KafkaException: Kafka does not answer, or there is no such topic.
    """
    found = reader.list_topics(topic, timeout=_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    result = {}
    for number in found.partitions:
        first, end = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=_SECONDS)
        if end > first:
            result[number] = end
    return result


def starts(reader: Consumer, topic: str, since: datetime, to: Mapping[int, int]) -> dict[int, int]:
    """Returns where the messages begin that were written at a time or later.

    Raises:
        KafkaException: Kafka does not answer.
    """
    asked = [TopicPartition(topic, each, int(since.timestamp() * 1000)) for each in to]
    found = reader.offsets_for_times(asked, timeout=_SECONDS) if asked else []
    return {
        each.partition: to[each.partition] if each.offset == OFFSET_END else max(0, each.offset)
        for each in found
    }


def messages(
    reader: Consumer, topic: str, to: Mapping[int, int], since: Mapping[int, int] | None = None
) -> Iterator[Message]:
    """Yields the messages of each partition up to an offset, and from another on.

    Raises:
        KafkaException: Kafka does not answer.
    """
    first = dict.fromkeys(to, 0) if since is None else since
    unread = {each for each in to if first[each] < to[each]}
    reader.assign([TopicPartition(topic, each, first[each]) for each in sorted(unread)])
    last_message = time.monotonic()
    while unread:
        found = reader.consume(_READ, 0.2)
        if found:
            last_message = time.monotonic()
        elif time.monotonic() - last_message > _SECONDS:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))  # noqa: SLF001
        for message in found:
            error = message.error()
            partition, offset = _position(message)
            if error is None:
                if offset < to[partition]:
                    yield message
                if offset >= to[partition] - 1:
                    unread.discard(partition)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                unread.discard(partition)
            elif not error.retriable():
                raise KafkaException(error)


def _position(message: Message) -> tuple[int, int]:
    # The types allow None, which only an error without a partition has.
    partition, offset = message.partition(), message.offset()
    return (-1 if partition is None else partition), (-1 if offset is None else offset)

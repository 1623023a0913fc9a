"""Reads the dead-letter topic, message by message: it may hold more than fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaException

from infra.kafka_errors import LastError
from infra.sink import kafka, topic
from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.dlq.erased import Erased, read_marker
from infra.sink.dlq.origins import OriginSet
from infra.sink.dlq.record import DeadLetter, Origin, replayed_origin


class Found(NamedTuple):
    """A dead letter, and whether it was replayed."""

    letter: DeadLetter
    replayed: bool


def read(
    connection: Mapping[str, Any], each_message: Callable[[], object] = bool
) -> Iterator[Found]:
    """Yields each dead letter that the topic holds at the start, the first of each origin.

    A sink that crashed may have written one twice. What a transaction has not committed is left
    out, and so is what is erased. Markers are read first, since they follow their dead letters in
    the topic.

    Args:
        connection: to the brokers.
        each_message: is called for each; what it raises ends the reading.

    Raises:
        SinkError: Kafka does not answer, or the topic does not exist.
    """
    last_error = LastError()
    consumer = topic.consumer(connection, "dead-letters", error_cb=last_error)
    seen, replayed, erased = OriginSet(), OriginSet(), Erased()
    try:
        ends = topic.ends(consumer, DEAD_LETTER_TOPIC)
        for message in topic.messages(consumer, DEAD_LETTER_TOPIC, ends):
            each_message()
            if (origin := replayed_origin(message)) is not None:
                replayed.add(origin)
            elif (marker := read_marker(message)) is not None:
                erased.add(marker)
        for message in topic.messages(consumer, DEAD_LETTER_TOPIC, ends):
            each_message()
            if replayed_origin(message) is None and read_marker(message) is None:
                letter = erased.clean(DeadLetter.read(message))
                if letter is not None and seen.add(letter.origin):
                    yield Found(letter, letter.origin in replayed)
    except KafkaException as failure:
        cause = last_error.describe(consumer, failure)
        raise kafka.command_error("read", DEAD_LETTER_TOPIC, connection, failure, cause) from None
    finally:
        consumer.close()


def find(connection: Mapping[str, Any], origins: Collection[Origin]) -> dict[Origin, Found]:
    """Returns the dead letters of these origins that the topic holds."""
    return {each.letter.origin: each for each in read(connection) if each.letter.origin in origins}

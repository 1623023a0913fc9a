"""Where Kafka has an event: in the usage topic, and in the dead-letter topic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import KafkaException

from infra.kafka_errors import LastError
from infra.sink import headers, kafka, topic
from infra.sink._generated.fields import ACCOUNT, ID, USAGE_TOPIC
from infra.sink.dlq import reader
from infra.sink.dlq.record import Origin

# A machine's clock may be ahead of the brokers' by less.
_AHEAD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter of the event: its position, why, and whether it was replayed."""

    origin: str
    reason: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The positions of the messages in the usage topic, and the dead letters."""

    messages: list[str]
    letters: list[Letter]


def find(
    connection: Mapping[str, Any], workspaces: Sequence[str], event: str, since: datetime | None
) -> Found:
    """Returns what Kafka still has of an event.

    Args:
        connection: how to connect to Kafka.
        workspaces: whose event it is, by each name that it may have been recorded under.
        event: its id.
        since: when it was accepted; None reads the whole topic.

    Raises:
        SinkError: Kafka does not answer, or a topic does not exist.
    """
    last_error = LastError()
    consumer = topic.consumer(connection, "trace", error_cb=last_error)
    try:
        to = topic.ends(consumer, USAGE_TOPIC)
        first = None if since is None else topic.starts(consumer, USAGE_TOPIC, since - _AHEAD, to)
        positions = [
            str(Origin.of(message))
            for message in topic.messages(consumer, USAGE_TOPIC, to, first)
            if _is_of(headers.as_bytes(message.value()), workspaces, event)
        ]
    except KafkaException as failure:
        cause = last_error.describe(consumer, failure)
        raise kafka.command_error("read", USAGE_TOPIC, connection, failure, cause) from None
    finally:
        consumer.close()
    letters = [
        Letter(str(letter.origin), letter.reason, replayed)
        for letter, replayed in reader.read(connection)
        if _is_of(letter.value, workspaces, event)
    ]
    return Found(sorted(positions), letters)


def _is_of(value: bytes | None, workspaces: Sequence[str], event: str) -> bool:
    """Reports whether a message has the names of an event, also one that is none."""
    # Most messages lack the id; where it is escaped, only parsing tells.
    if value is None or (event.encode() not in value and b"\\" not in value):
        return False
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return event.encode() in value and any(each.encode() in value for each in workspaces)
    if not isinstance(parsed, dict) or parsed.get(ID) != event:
        return False
    return parsed.get(ACCOUNT) in workspaces

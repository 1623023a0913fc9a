"""A dead letter: a message that is not an event, as it is stored in the dead-letter topic.

Value, key and headers are the message's own; what the sink has to add goes into further headers.
Origin and reason use Kafka Connect's header names, so that one tool reads the dead letters of both
sinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast

from confluent_kafka import Message

from infra.sink.decode import Rejection

Headers = list[tuple[str, str | bytes | None]]

_CONNECT = "__connect.errors."
_TOPIC, _PARTITION, _OFFSET = (f"{_CONNECT}{name}" for name in ("topic", "partition", "offset"))
_REASON = f"{_CONNECT}exception.message"
_OWN = "dead_letter."
_TIME = f"{_OWN}time"
_LENGTH = f"{_OWN}length"
REPLAYED = f"{_OWN}replayed"
REPLAYS = f"{_OWN}replays"


@dataclass(frozen=True, order=True)
class Origin:
    """The position that a message was read from; it identifies the message's dead letter."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, message: Message) -> Self:
        """Returns the position of a message."""
        # The types allow None, which a consumed message never has.
        return cls(
            cast("str", message.topic()),
            cast("int", message.partition()),
            cast("int", message.offset()),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses `topic/partition/offset`; raises ValueError for anything else."""
        topic, partition, offset = text.rsplit("/", 2)
        return cls(topic, int(partition), int(offset))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter that was read back."""

    origin: Origin
    reason: str
    time: datetime
    replays: int
    length: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def code(self) -> str:
        """The code that its reason starts with."""
        return self.reason.partition(":")[0]

    @property
    def complete(self) -> bool:
        """Whether its value was not truncated; see `dead_letter_headers`."""
        return len(self.value or b"") == self.length

    @classmethod
    def read(cls, message: Message) -> Self:
        """Reads a message of the dead-letter topic; absent headers have defaults."""
        headers = _headers(message)
        texts = {name: _text(value) for name, value in headers}
        try:
            origin = Origin(texts[_TOPIC], int(texts[_PARTITION]), int(texts[_OFFSET]))
        except (KeyError, ValueError):
            origin = Origin.of(message)
        value = _bytes(message.value())
        length = texts.get(_LENGTH, "")
        return cls(
            origin,
            texts.get(_REASON, "unknown: no header holds a reason"),
            datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            _replays(headers),
            int(length) if length.isdigit() else len(value or b""),
            _bytes(message.key()),
            value,
            [pair for pair in headers if not pair[0].startswith((_CONNECT, _OWN))],
        )


def dead_letter_headers(
    message: Message, rejection: Rejection, *, length: int | None = None
) -> Headers:
    """Returns the headers of a message's dead letter; `length` is the value's before truncation."""
    headers = _headers(message)
    origin = Origin.of(message)
    added = {
        _TOPIC: origin.topic,
        _PARTITION: str(origin.partition),
        _OFFSET: str(origin.offset),
        _REASON: str(rejection),
        _TIME: datetime.now(UTC).isoformat(timespec="milliseconds"),
        REPLAYS: str(_replays(headers)),
    }
    if length is not None:
        added[_LENGTH] = str(length)
    return [*(pair for pair in headers if pair[0] not in added), *added.items()]


def replay_headers(letter: DeadLetter) -> Headers:
    """Returns the headers of a dead letter's message when it is replayed."""
    return [*letter.headers, (REPLAYS, str(letter.replays + 1))]


def replayed_origin(message: Message) -> Origin | None:
    """Returns the origin that a replay marker is about; None if the message is not a marker."""
    marks = [_text(value) for name, value in _headers(message) if name == REPLAYED]
    return Origin.parse(marks[-1]) if marks else None


def _replays(headers: Headers) -> int:
    counts = [_text(value) for name, value in headers if name == REPLAYS]
    return int(counts[-1]) if counts and counts[-1].isdecimal() else 0


def _headers(message: Message) -> Headers:
    return list(cast("Headers", message.headers() or []))


def _text(value: str | bytes | None) -> str:
    return (_bytes(value) or b"").decode(errors="replace")


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value

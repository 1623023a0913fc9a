"""A message that is no event, as it stands in the dead letter topic.

Value, key and headers are the message's own; what is said of it stands in further headers. Where it
came from and why it is here is said in the words of Kafka Connect, so that one tool reads the dead
letters of both sinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast

from confluent_kafka import Message

from infra.sink.decode import Refusal

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
    """Where a message stood when it was read; it names its dead letter, however often written."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, message: Message) -> Self:
        """Where this message stands."""
        # A message that was read stands somewhere, which its type does not say.
        return cls(
            cast("str", message.topic()),
            cast("int", message.partition()),
            cast("int", message.offset()),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `topic/partition/offset`, as it is shown; ValueError if it is not that."""
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
        """The kind of its reason."""
        return self.reason.partition(":")[0]

    @property
    def whole(self) -> bool:
        """Whether its value is all there; see `headers_of`."""
        return len(self.value or b"") == self.length

    @classmethod
    def read(cls, message: Message) -> Self:
        """From a message of the dead letter topic; what a header does not say has a default."""
        headers = _headers(message)
        said = {name: _text(value) for name, value in headers}
        try:
            origin = Origin(said[_TOPIC], int(said[_PARTITION]), int(said[_OFFSET]))
        except (KeyError, ValueError):
            origin = Origin.of(message)
        value = _bytes(message.value())
        length = said.get(_LENGTH, "")
        return cls(
            origin,
            said.get(_REASON, "unknown: no header says why"),
            datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            _replays(headers),
            int(length) if length.isdigit() else len(value or b""),
            _bytes(message.key()),
            value,
            [pair for pair in headers if not pair[0].startswith((_CONNECT, _OWN))],
        )


def headers_of(message: Message, refusal: Refusal, *, length: int | None = None) -> Headers:
    """The headers of the dead letter of a message; `length` is given where its value was cut."""
    headers = _headers(message)
    origin = Origin.of(message)
    said = {
        _TOPIC: origin.topic,
        _PARTITION: str(origin.partition),
        _OFFSET: str(origin.offset),
        _REASON: str(refusal),
        _TIME: datetime.now(UTC).isoformat(timespec="milliseconds"),
        REPLAYS: str(_replays(headers)),
    }
    if length is not None:
        said[_LENGTH] = str(length)
    return [*(pair for pair in headers if pair[0] not in said), *said.items()]


def replayed_headers(letter: DeadLetter) -> Headers:
    """The headers of a letter's message when it is put back."""
    return [*letter.headers, (REPLAYS, str(letter.replays + 1))]


def replay_marked_by(message: Message) -> Origin | None:
    """The origin of the letter whose replay this message of the dead letter topic records."""
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

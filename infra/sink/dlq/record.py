"""A dead letter: a message that is not an event, as it is stored in the dead-letter topic.

Value, key and headers are the message's own; what the sink has to add goes into further headers.
Origin and reason use Kafka Connect's header names, so that one tool reads the dead letters of both
sinks.

Whoever may write the usage topic chooses the headers of its messages. The sink drops those with
reserved names, and Kafka Connect keeps them but adds its own at the end. So of two headers the last
counts; those of this sink count only if one of them ends the message; and a message is a marker
only if it holds nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast, get_args

from confluent_kafka import Message

from infra.sink import headers
from infra.sink.decode import Code, Rejection, Row, decode
from infra.sink.headers import CONNECT, OWN, Headers

_ERRORS = f"{CONNECT}errors."
_TOPIC, _PARTITION, _OFFSET = (f"{_ERRORS}{name}" for name in ("topic", "partition", "offset"))
_REASON = f"{_ERRORS}exception.message"
_STACK = f"{_ERRORS}exception.stacktrace"
_TIME = f"{OWN}time"
_LENGTH = f"{OWN}length"
_WITHOUT = f"{OWN}without"
REPLAYED = f"{OWN}replayed"
REPLAYS = f"{OWN}replays"

NO_REASON, CONNECT_REASON = "unknown", "connect"
_CODES = {*get_args(Code), NO_REASON}
# ClickHouse's words up to its version, the end of the line or what the driver adds.
_CLICKHOUSE = re.compile(r"Code: \d+\. DB::Exception: (?:(?! \(version |\n).)*")
_LONGEST_STACK = 65_536
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_EARLIEST = datetime.fromtimestamp(0, UTC)


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
    def parse(cls, text: str) -> Self | None:
        """Parses `topic/partition/offset`; None for anything else."""
        parts = text.split("/")
        return cls.read(*parts) if len(parts) == 3 else None

    @classmethod
    def read(
        cls, topic: str | bytes | None, partition: str | bytes | None, offset: str | bytes | None
    ) -> Self | None:
        """Returns the position that three headers give; None if they give none."""
        name, number, place = headers.text(topic), headers.count(partition), headers.count(offset)
        if number is None or place is None or not _TOPIC_NAME.fullmatch(name):
            return None
        return cls(name, number, place)

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter that was read back; `without` names what it lacks of its message."""

    origin: Origin
    reason: str
    time: datetime
    replays: int
    length: int
    without: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def code(self) -> str:
        """The code that its reason starts with; `connect` if the words are Kafka Connect's."""
        code = self.reason.partition(":")[0]
        return code if code in _CODES else CONNECT_REASON

    @property
    def complete(self) -> bool:
        """Whether it can be replayed: it has the whole value and the key of its message."""
        return len(self.value or b"") == self.length and "key" not in self.without

    @property
    def is_event(self) -> bool:
        """Whether its message decodes as an event, so that something else failed."""
        return self.complete and isinstance(decode(self.value), Row)

    @classmethod
    def read(cls, message: Message) -> Self:
        """Reads a message of the dead-letter topic; absent headers have defaults."""
        found = headers.read(message)
        by_name = dict(found)  # the last of a name counts
        own = by_name if found and found[-1][0].startswith(OWN) else {}
        value = headers.as_bytes(message.value())
        length = headers.count(own.get(_LENGTH))
        return cls(
            origin=Origin.read(*map(by_name.get, (_TOPIC, _PARTITION, _OFFSET)))
            or Origin.of(message),
            reason=_reason(by_name, is_own=bool(own)),
            time=_time(message),
            replays=headers.count(by_name.get(REPLAYS)) or 0,
            length=len(value or b"") if length is None else length,
            without=headers.text(own.get(_WITHOUT)),
            key=headers.as_bytes(message.key()),
            value=value,
            headers=headers.without_reserved(found),
        )


def dead_letter_headers(message: Message, rejection: Rejection) -> Headers:
    """Returns the headers that the sink adds to a message's dead letter."""
    origin = Origin.of(message)
    replays = headers.count(dict(headers.read(message)).get(REPLAYS)) or 0
    return [
        (_TOPIC, origin.topic),
        (_PARTITION, str(origin.partition)),
        (_OFFSET, str(origin.offset)),
        (_REASON, headers.text(str(rejection))),
        (_TIME, datetime.now(UTC).isoformat(timespec="milliseconds")),
        (REPLAYS, str(replays)),
    ]


def truncation_headers(length: int, without: str) -> Headers:
    """Returns the headers of a dead letter that lacks parts of its message."""
    return [(_LENGTH, str(length)), (_WITHOUT, without)]


def replay_headers(letter: DeadLetter) -> Headers:
    """Returns the headers of a dead letter's message when it is replayed."""
    return [*letter.headers, (REPLAYS, str(letter.replays + 1))]


def marker_headers(letter: DeadLetter) -> Headers:
    """Returns the headers of the marker that a dead letter was replayed; it has no value."""
    return [(REPLAYED, str(letter.origin))]


def replayed_origin(message: Message) -> Origin | None:
    """Returns the origin that a replay marker is about; None if the message is not a marker."""
    found = headers.read(message)
    if message.value() is not None or [name for name, _ in found] != [REPLAYED]:
        return None
    return Origin.parse(headers.text(found[0][1]))


def _reason(by_name: dict[str, str | bytes | None], *, is_own: bool) -> str:
    """Returns why it is a dead letter; of Kafka Connect's, what ClickHouse answered.

    Connect's own message only names the query; the answer is a cause in its stack trace.
    """
    said = headers.text(by_name.get(_REASON))
    if not is_own:
        stack = headers.as_bytes(by_name.get(_STACK)) or b""
        found = _CLICKHOUSE.findall(stack[:_LONGEST_STACK].decode(errors="replace"))
        if found:
            said = f"{CONNECT_REASON}: {headers.text(found[-1])}"
    return said or f"{NO_REASON}: no header holds a reason"


def _time(message: Message) -> datetime:
    """When the message was written; a producer may set any time, or none."""
    try:
        return datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return _EARLIEST

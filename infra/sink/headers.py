"""The headers of a message, which whoever may write the topic chooses: nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import methodcaller
from typing import cast

from confluent_kafka import Message

Headers = list[tuple[str, str | bytes | None]]

CONNECT = "__connect."
OWN = "dead_letter."

# For a name that is not UTF-8, the client returns a tuple without its first element and also sets
# an exception. The interpreter checks for that in calls from C, not in those that it specialized.
_read = methodcaller("headers")
_LONGEST_TEXT = 1_000
_COUNT = re.compile(r"[0-9]{1,18}")  # fits any integer of Kafka's


def read(message: Message) -> Headers:
    """Returns the headers of a message; none if a name is not UTF-8."""
    return list(_found(message) or ())


def _found(message: Message) -> Headers | None:
    try:
        return cast("Headers | None", _read(message))
    except SystemError:
        # The client has kept the tuple, which crashes the process once it is read.
        message.set_headers([])
        return None


def without_reserved(headers: Iterable[tuple[str, str | bytes | None]]) -> Headers:
    """Returns the headers but those whose names belong to the sinks."""
    return [pair for pair in headers if not pair[0].startswith((CONNECT, OWN))]


def size(message: Message) -> int:
    """Returns the bytes of a message: key, value and headers."""
    value, key, found = message.value(), message.key(), _found(message)
    own = len(value or b"") + len(key or b"")
    if not found:
        return own
    return own + sum(len(name) + len(content or b"") for name, content in found)


def text(value: str | bytes | None) -> str:
    """Returns the text of a header, of limited length."""
    raw = as_bytes(value) or b""
    return raw[: 4 * _LONGEST_TEXT].decode(errors="replace")[:_LONGEST_TEXT]


def count(value: str | bytes | None) -> int | None:
    """Returns the whole number that a header holds; None if it holds anything else."""
    digits = text(value)
    return int(digits) if _COUNT.fullmatch(digits) else None


def as_bytes(value: str | bytes | None) -> bytes | None:
    """Returns a key, a value or a header as bytes."""
    return value.encode(errors="replace") if isinstance(value, str) else value

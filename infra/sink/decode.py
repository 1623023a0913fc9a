"""Decodes the bytes of a message into a row of the table, or into the reason for rejecting them."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from infra.sink._generated.fields import (
    ACCEPTED,
    BILLABLE,
    FIELDS,
    METRIC_TYPE,
    PRODUCT,
    STATUS,
    TIME,
)
from infra.sink.reading import declared, reader

Code = Literal[
    "empty",
    "oversize",
    "malformed",
    "missing",
    "invalid",
    "duplicate_key",
    "undeclared",
    "skewed",
    "refused",
]

# Several times the size of an event at all of its limits with every character escaped.
_MAX_BYTES = 262_144
_SHOWN = 64
_Event = msgspec.defstruct("_Event", [declared(field) for field in FIELDS], gc=False)
_parse = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode
_look = attrgetter(PRODUCT, METRIC_TYPE, STATUS, ACCEPTED, TIME, BILLABLE)
# Most events lack most fields that may be absent, so these are looked at apart.
_READERS, _OPTIONAL_READERS = (
    [(f.name, read) for f in FIELDS if f.required is here and (read := reader(f)) is not None]
    for here in (True, False)
)
_required = attrgetter(*(name for name, _ in _READERS))


class Row(NamedTuple):
    """An event as a line of JSON that holds the columns of the table and nothing else.

    Beside it stand the fields that the sink looks at; the times are canonical, and sort as texts.
    """

    line: bytes
    product: str
    metric_type: str
    status: str
    accepted: str
    occurred: str
    is_billable: int = 1


class Rejection(NamedTuple):
    """Why a message is not an event: a code to count by, and a text for whoever fixes it."""

    code: Code
    why: str

    def __str__(self) -> str:
        return f"{self.code}: {self.why}"


def decode(message: bytes | None) -> Row | Rejection:
    """Decodes one message in linear time, ignoring unknown fields.

    A duplicate key is rejected, as ClickHouse rejects it: parsers disagree on which of the two
    counts. Bytes that are equal to the encoded row cannot have one, so only others are searched.
    """
    if not message:
        return Rejection("empty", "the message has no value")
    if len(message) > _MAX_BYTES:
        return Rejection(
            "oversize", f"has {len(message):,} bytes, at most {_MAX_BYTES:,} are allowed"
        )
    try:
        event = _parse(message)
        _convert(event)
        line = _encode(event)
        duplicate = line != message and _duplicate_key(message)
    except msgspec.ValidationError as error:
        missing = str(error).startswith("Object missing")
        return Rejection("missing" if missing else "invalid", str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection("malformed", str(error))
    except ValueError as error:
        return Rejection("invalid", str(error))
    if duplicate:
        return Rejection("duplicate_key", f"{duplicate[:_SHOWN]} appears more than once")
    return Row(line, *_look(event))


def _convert(event: Any) -> None:
    """Checks the values of an event, and replaces those that columns take in another form."""
    for (name, read), value in zip(_READERS, _required(event), strict=True):
        if (stored := read(value)) is not value:
            setattr(event, name, stored)
    for name, read in _OPTIONAL_READERS:
        if (value := getattr(event, name)) is not UNSET:
            setattr(event, name, read(value))


def with_time(message: bytes, time: str) -> bytes:
    """Returns an event that the SDK encoded, as one of work at another, canonical time."""
    event = _parse(message)
    setattr(event, TIME, time)
    return _encode(event)


def _duplicate_key(message: bytes) -> str | None:
    keys: list[str] = []

    def remember(pairs: list[tuple[str, Any]]) -> None:
        keys[:] = [key for key, _ in pairs]  # the outermost object ends last

    json.loads(
        message.decode(errors="replace"), object_pairs_hook=remember, parse_int=len, parse_float=len
    )
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None

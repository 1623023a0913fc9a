"""The bytes of a message as a row of the table, or why they are none."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

import msgspec

from infra.sink._generated.fields import FIELDS, METRIC_TYPE, PRODUCT
from infra.sink.reading import declared, reader

Code = Literal["empty", "oversize", "malformed", "missing", "invalid", "duplicate_key", "refused"]

# Several times what an event has at all of its limits with every character escaped.
_MAX_BYTES = 262_144
_Event = msgspec.defstruct("_Event", [declared(field) for field in FIELDS], gc=False)
_parse = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode
_READERS = [(field.name, read) for field in FIELDS if (read := reader(field)) is not None]


class Row(NamedTuple):
    """An event as a line of JSON that holds the columns of the table and nothing else."""

    line: bytes
    product: str
    metric_type: str


class Refusal(NamedTuple):
    """Why a message is no row: a code to count by, and words for whoever has to mend it."""

    code: Code
    why: str

    def __str__(self) -> str:
        return f"{self.code}: {self.why}"


def decode(message: bytes | None) -> Row | Refusal:
    """Reads one message; fields that are unknown here are passed over.

    A key that stands there twice is refused, as ClickHouse refuses it: readers disagree on which
    of the two counts. Bytes equal to those of the row cannot have one, nor any other surprise.
    """
    if not message:
        return Refusal("empty", "the message has no value")
    if len(message) > _MAX_BYTES:
        return Refusal("oversize", f"{len(message):,} bytes, at most {_MAX_BYTES:,} are read")
    try:
        event = _parse(message)
        for name, read in _READERS:
            setattr(event, name, read(getattr(event, name)))
        line = _encode(event)
        twice = line != message and _duplicate_key(message)
    except msgspec.ValidationError as error:
        missing = str(error).startswith("Object missing")
        return Refusal("missing" if missing else "invalid", str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal("malformed", str(error))
    except ValueError as error:
        return Refusal("invalid", str(error))
    if twice:
        return Refusal("duplicate_key", f"{twice} stands there twice")
    return Row(line, getattr(event, PRODUCT), getattr(event, METRIC_TYPE))


def _duplicate_key(message: bytes) -> str | None:
    keys: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys[:] = [key for key, _ in pairs]  # the outermost object is the last to end

    json.loads(
        message.decode(errors="replace"), object_pairs_hook=note, parse_int=len, parse_float=len
    )
    return next((key for key in keys if keys.count(key) > 1), None)

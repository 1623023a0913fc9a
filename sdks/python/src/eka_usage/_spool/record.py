"""The records of a segment, as docs/spool-format.md specifies them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from .._generated.spool import HEADER_BYTES, MARKER

_FRAME = struct.Struct("<III")
_KEY = struct.Struct("<H")
_MARKER = struct.pack("<I", MARKER)


class Record(NamedTuple):
    """One event of a segment, and the offsets at which it begins and ends."""

    start: int
    end: int
    key: bytes
    event: bytes


class Damage(NamedTuple):
    """A range of a segment whose records cannot be read."""

    start: int
    end: int


def record_salt(origin: bytes) -> int:
    """Returns the initial CRC of each record of an origin."""
    return crc32(origin)


def key_prefix(key: bytes) -> bytes:
    """Returns what precedes the event in the body of each record with a key."""
    return _KEY.pack(len(key)) + key


def encode_record(body: bytes, salt: int) -> bytes:
    """Returns the record of a body, with its CRC."""
    return _FRAME.pack(MARKER, len(body), crc32(body, salt)) + body


def read_records(content: bytes, origin: str) -> Iterator[Record | Damage]:
    """Yields the records of a segment in order, and the damaged ranges between them.

    A torn record at the end is not damage: it was never acknowledged to a caller.
    """
    salt = record_salt(bytes.fromhex(origin))
    place, end = HEADER_BYTES, len(content.rstrip(b"\0"))
    while place < end:
        found = _record_at(content, place, salt)
        if found is None:
            found = _next_record(content, place + 1, salt)
            if found is None:
                return
            yield Damage(place, found.start)
        yield found
        place = found.end


def unacked_start(acked: int, found: list[Record | Damage]) -> int:
    """Returns where replay begins: `acked`, unless no record begins or ends there."""
    known = {item.start for item in found} | {item.end for item in found}
    return acked if acked in known else 0


def _record_at(content: bytes, place: int, salt: int) -> Record | None:
    if place + _FRAME.size > len(content):
        return None
    marker, length, crc = _FRAME.unpack_from(content, place)
    start, end = place + _FRAME.size, place + _FRAME.size + length
    if marker != MARKER or length < _KEY.size or end > len(content):
        return None
    body = content[start:end]
    if crc32(body, salt) != crc:
        return None
    (key,) = _KEY.unpack_from(body)
    if _KEY.size + key > length:
        return None
    return Record(place, end, body[_KEY.size : _KEY.size + key], body[_KEY.size + key :])


def _next_record(content: bytes, place: int, salt: int) -> Record | None:
    while (place := content.find(_MARKER, place)) >= 0:
        if (found := _record_at(content, place, salt)) is not None:
            return found
        place += 1
    return None

"""The bytes of segments and their names, as docs/spool-format.md lays them out."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

from .._generated.spool import HEADER_BYTES, INSTANCE_ID_BYTES, MAGIC, MARKER, VERSION

EVENTS: Final = "events"
DEAD: Final = "dead"
NOBODY: Final = "0" * 32

HEARTBEAT_AT: Final = 208
ACKED_AT: Final = 216
CLOSED_AT: Final = 224
# What is before never changes once it is written; what is after, several may write.
FIXED_BYTES: Final = HEARTBEAT_AT
NUMBER: Final = struct.Struct("<Q")
CLOSED: Final = b"\x01"

_NAME = re.compile(r"(events|dead)-([0-9a-f]{32})-([0-9]{20})-([0-9]{6,})\.([0-9a-f]{32})")
_START = struct.Struct(f"<{len(MAGIC)}sI")
_REST = struct.Struct(f"<16sQQ8sH{INSTANCE_ID_BYTES}s")
_CRC = struct.Struct("<I")
_CHANGING = struct.Struct("<QQB")
_FRAME = struct.Struct("<III")
_KEY = struct.Struct("<H")
_MARKER = _CRC.pack(MARKER)
FRAME_BYTES: Final = _FRAME.size


class Name(NamedTuple):
    """A segment's name; names of one origin sort in the order in which they were begun."""

    kind: str
    origin: str
    first_seq: int
    number: int
    owner: str

    @classmethod
    def parse(cls, text: str) -> Name | None:
        """The parts of a segment's name; None where it is no segment's."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        kind, origin, first_seq, number, owner = match.groups()
        return cls(kind, origin, int(first_seq), int(number), owner)

    def __str__(self) -> str:
        return f"{self.kind}-{self.origin}-{self.first_seq:020}-{self.number:06}.{self.owner}"


class Header(NamedTuple):
    """What a segment says of itself."""

    origin: bytes
    first_seq: int
    created_at: int
    destination: bytes
    instance_id: str
    heartbeat: int = 0
    acked: int = 0
    closed: bool = False
    version: int = VERSION
    sound: bool = True

    def pack(self) -> bytes:
        """The part that never changes."""
        name = self.instance_id.encode()[:INSTANCE_ID_BYTES]
        start = _START.pack(MAGIC.encode(), self.version)
        rest = _REST.pack(
            self.origin, self.first_seq, self.created_at, self.destination, len(name), name
        )
        return start + _CRC.pack(crc32(rest, crc32(start))) + rest

    @classmethod
    def unpack(cls, content: bytes) -> Header | None:
        """The header of a segment; None where its writer died before it wrote one."""
        fixed = content[:FIXED_BYTES].ljust(FIXED_BYTES, b"\0")
        if not any(fixed):
            return None
        changing = content[FIXED_BYTES:HEADER_BYTES].ljust(_CHANGING.size, b"\0")
        magic, version = _START.unpack_from(fixed)
        (crc,) = _CRC.unpack_from(fixed, _START.size)
        after = _START.size + _CRC.size
        origin, first_seq, created_at, destination, length, name = _REST.unpack_from(fixed, after)
        sound = (
            magic == MAGIC.encode()
            and crc == crc32(fixed[after:], crc32(fixed[: _START.size]))
            and length <= INSTANCE_ID_BYTES
        )
        heartbeat, acked, closed = _CHANGING.unpack_from(changing)
        text = name[:length].decode(errors="replace")
        return cls(
            origin,
            first_seq,
            created_at,
            destination,
            text,
            heartbeat,
            acked if sound else 0,
            closed != 0,
            version,
            sound,
        )


class Record(NamedTuple):
    """One event of a segment, and where it begins and ends there."""

    start: int
    end: int
    key: bytes
    event: bytes


class Damage(NamedTuple):
    """A place whose records cannot be read."""

    start: int
    end: int


def salt(origin: bytes) -> int:
    """What the CRC of each record of an origin begins with."""
    return crc32(origin)


def body_start(key: bytes) -> bytes:
    """What is before the event in the body of each record of a key."""
    return _KEY.pack(len(key)) + key


def record(body: bytes, begun: int) -> bytes:
    """The record of a body, its CRC begun with the origin's."""
    return _FRAME.pack(MARKER, len(body), crc32(body, begun)) + body


def records(content: bytes, origin: str) -> Iterator[Record | Damage]:
    """The records of a segment in their order, and the damaged places between them.

    What is torn at the end is no damage: nobody was told that it was accepted.
    """
    begun = salt(bytes.fromhex(origin))
    place, end = HEADER_BYTES, len(content.rstrip(b"\0"))
    while place < end:
        found = _record_at(content, place, begun)
        if found is None:
            found = _next_record(content, place + 1, begun)
            if found is None:
                return
            yield Damage(place, found.start)
        yield found
        place = found.end


def replay_start(acked: int, found: list[Record | Damage]) -> int:
    """Where replay begins: `acked`, unless no record begins or ends there."""
    known = {item.start for item in found} | {item.end for item in found}
    return acked if acked in known else 0


def _record_at(content: bytes, place: int, begun: int) -> Record | None:
    if place + _FRAME.size > len(content):
        return None
    marker, length, crc = _FRAME.unpack_from(content, place)
    start, end = place + _FRAME.size, place + _FRAME.size + length
    if marker != MARKER or length < _KEY.size or end > len(content):
        return None
    body = content[start:end]
    if crc32(body, begun) != crc:
        return None
    (key,) = _KEY.unpack_from(body)
    if _KEY.size + key > length:
        return None
    return Record(place, end, body[_KEY.size : _KEY.size + key], body[_KEY.size + key :])


def _next_record(content: bytes, place: int, begun: int) -> Record | None:
    while (place := content.find(_MARKER, place)) >= 0:
        if (found := _record_at(content, place, begun)) is not None:
            return found
        place += 1
    return None

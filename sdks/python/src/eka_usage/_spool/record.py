"""The records of a segment, as docs/spool-format.md specifies them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias
from zlib import crc32

from .._generated.spool import GROUP_KEY, HEADER_BYTES, MARKER, SEARCH_BYTES

_FRAME = struct.Struct("<III")
_KEY = struct.Struct("<H")
_LENGTH = struct.Struct("<I")
_MEMBER = struct.Struct("<IH")
_MARKER = struct.pack("<I", MARKER)
_GROUP = _KEY.pack(GROUP_KEY)

Member: TypeAlias = tuple[bytes, bytes]
"""The key and the event of one member of a group record."""


class Record(NamedTuple):
    """One event of a segment, and the offsets at which its record begins and ends.

    The members of a group record all have its offsets.
    """

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


def group_body(members: Iterable[Member]) -> bytes:
    """Returns the body of a group record, all of whose members exist or none."""
    parts = [_GROUP]
    for key, event in members:
        length = len(key)
        parts += (_MEMBER.pack(_KEY.size + length + len(event), length), key, event)
    return b"".join(parts)


def record_bytes(body: bytes) -> int:
    """Returns how long the record of a body is."""
    return _FRAME.size + len(body)


def read_records(content: bytes, origin: str) -> Iterator[Record | Damage]:
    """Yields the events of a segment in order, and the damaged ranges between them.

    A torn record at the end is not damage: it was never acknowledged to a caller.
    """
    reader = _Reader(content, record_salt(bytes.fromhex(origin)))
    place, end = HEADER_BYTES, len(content.rstrip(b"\0"))
    while place < end:
        found = reader.record_at(place)
        if found is None:
            found = reader.search(place + 1)
            if found is None:
                if reader.gave_up:
                    yield Damage(place, end)
                return
            yield Damage(place, found[0].start)
        yield from found
        place = found[0].end


def unacked_start(acked: int, found: list[Record | Damage]) -> int:
    """Returns where replay begins: `acked`, unless no record begins or ends there."""
    known = {item.start for item in found} | {item.end for item in found}
    return acked if acked in known else 0


class _Reader:
    """Finds the valid records of a segment: each has one event, or those of a group.

    Attributes:
        gave_up: whether a search has ended early, as it took too long.
    """

    def __init__(self, content: bytes, salt: int) -> None:
        self._content = content
        self._view = memoryview(content)
        self._salt = salt
        self._left = SEARCH_BYTES

    @property
    def gave_up(self) -> bool:
        return self._left <= 0

    def record_at(self, place: int) -> Sequence[Record] | None:
        """Returns the record that begins at an offset; None if there is no valid one."""
        start = place + _FRAME.size
        if start > len(self._content):
            return None
        marker, length, crc = _FRAME.unpack_from(self._content, place)
        end = start + length
        if marker != MARKER or length < _KEY.size or end > len(self._content):
            return None
        (key,) = _KEY.unpack_from(self._content, start)
        if key != GROUP_KEY and start + _KEY.size + key > end:
            return None
        if crc32(self._view[start:end], self._salt) != crc:
            self._left -= length
            return None
        if key != GROUP_KEY:
            return (self._event(place, start, end, end),)
        return self._members(place, start + _KEY.size, end)

    def _members(self, place: int, start: int, end: int) -> Sequence[Record] | None:
        """Returns the members of a group record; None if a length is impossible."""
        found: list[Record] = []
        while start < end:
            body = start + _LENGTH.size
            if body + _KEY.size > end:
                return None
            (length,) = _LENGTH.unpack_from(self._content, start)
            (key,) = _KEY.unpack_from(self._content, body)
            start = body + length
            if start > end or _KEY.size + key > length:
                return None
            found.append(self._event(place, body, start, end))
        return found or None

    def _event(self, place: int, start: int, end: int, record_end: int) -> Record:
        """Returns the event whose body is at these offsets, in a record at others."""
        (key,) = _KEY.unpack_from(self._content, start)
        event = start + _KEY.size + key
        content = self._content
        return Record(place, record_end, content[start + _KEY.size : event], content[event:end])

    def search(self, place: int) -> Sequence[Record] | None:
        """Returns the next record; None if there is none, or too much has to be checked for it."""
        while not self.gave_up and (place := self._content.find(_MARKER, place)) >= 0:
            if (found := self.record_at(place)) is not None:
                return found
            place += 1
        return None

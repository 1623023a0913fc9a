"""Finds where a message of the forward protocol ends: neither of its forms has a length in front.

A form keeps how far it has looked, so that a client that sends byte by byte costs no more.
"""

from __future__ import annotations

import re
import struct
from typing import Protocol

MAX_JSON_BYTES = 64 * 1024
MAX_MSGPACK_BYTES = 1024 * 1024

_UNUSED = 0xC1
_SPACE = b" \t\r\n"
_BRACKETS = re.compile(rb'["\[\]{}]')
_IN_STRING = re.compile(rb'["\\]')


class FrameError(Exception):
    """The bytes are not messages of the protocol, so nobody can say where the next one begins."""


class Frames(Protocol):
    """One form of the protocol, as the bytes of one connection arrive.

    Attributes:
        buffered: how many bytes are of a message that has not ended.
    """

    @property
    def buffered(self) -> int: ...
    def feed(self, data: bytes) -> list[bytes]:
        """Returns the messages that end in these bytes; raises FrameError."""
        ...


class JsonFrames:
    """Arrays of JSON one after another, as clients write them that speak no msgpack."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0
        self._depth = 0
        self._is_in_string = False

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found = []
        while (end := self._end()) is not None:
            found.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
            self._looked = 0
        if len(self._buffer) > MAX_JSON_BYTES:
            raise FrameError(f"a record has more than {MAX_JSON_BYTES:,} bytes")
        return found

    def _end(self) -> int | None:
        """Returns where the first message ends; None if the rest of it is to come."""
        if not self._depth:
            # Space between messages may be endless, so it is not kept.
            self._buffer = self._buffer.lstrip(_SPACE)
            if self._buffer and self._buffer[:1] != b"[":
                raise FrameError("expected an array of JSON")
        while True:
            pattern = _IN_STRING if self._is_in_string else _BRACKETS
            match = pattern.search(self._buffer, self._looked)
            if match is None:
                self._looked = len(self._buffer)
                return None
            token = match[0]
            if token == b"\\":
                if match.end() == len(self._buffer):
                    self._looked = match.start()
                    return None
                self._looked = match.end() + 1
                continue
            self._looked = match.end()
            if token == b'"':
                self._is_in_string = not self._is_in_string
            elif token in b"[{":
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    return self._looked


class MsgpackFrames:
    """Values of msgpack one after another."""

    def __init__(self, limit: int = MAX_MSGPACK_BYTES) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._looked = 0
        # How many values the message still has, as far as is known.
        self._left = 1

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found = []
        while self._has_whole():
            found.append(bytes(self._buffer[: self._looked]))
            del self._buffer[: self._looked]
            self._looked, self._left = 0, 1
        return found

    def _has_whole(self) -> bool:
        """Reports whether the first message has ended, at what was looked at."""
        while self._left:
            head = _head(self._buffer, self._looked)
            if head is None:
                return False
            size, values = head
            self._looked += size
            self._left += values - 1
            if self._looked + self._left > self._limit:  # a value has at least one byte
                raise FrameError(f"a message has more than {self._limit:,} bytes")
        return self._looked <= len(self._buffer)


# Values of a fixed size by their first byte: how many bytes follow it.
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_FIXED |= dict(zip(range(0xCC, 0xD4), (1, 2, 4, 8) * 2, strict=True))  # integers
_FIXED |= dict(zip(range(0xD4, 0xD9), (2, 3, 5, 9, 17), strict=True))  # extensions with their type
# Values whose first byte is followed by their length: its format, bytes beside it, and how many
# values each unit of it is; none for texts, binaries and extensions, whose length is of bytes.
_LENGTHS = dict(zip(range(0xC4, 0xC7), ((">B", 0, 0), (">H", 0, 0), (">I", 0, 0)), strict=True))
_LENGTHS |= dict(zip(range(0xC7, 0xCA), ((">B", 1, 0), (">H", 1, 0), (">I", 1, 0)), strict=True))
_LENGTHS |= dict(zip(range(0xD9, 0xDC), ((">B", 0, 0), (">H", 0, 0), (">I", 0, 0)), strict=True))
_LENGTHS |= {0xDC: (">H", 0, 1), 0xDD: (">I", 0, 1), 0xDE: (">H", 0, 2), 0xDF: (">I", 0, 2)}


def _head(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Returns how many bytes a value has before those that it holds, and how many values it holds.

    None if that is to come.
    """
    if at >= len(buffer):
        return None
    first = buffer[at]
    if first in _LENGTHS:
        pattern, more, values = _LENGTHS[first]
        size = 1 + struct.calcsize(pattern)
        if at + size > len(buffer):
            return None
        (length,) = struct.unpack_from(pattern, buffer, at + 1)
        return (size, values * length) if values else (size + more + length, 0)
    if first in _FIXED:
        return 1 + _FIXED[first], 0
    if first == _UNUSED:
        raise FrameError(f"msgpack has no type {first:#x}")
    return _small(first)


def _small(first: int) -> tuple[int, int]:
    """Returns the same of a value whose first byte has its length, or is all of it."""
    if first < 0x80 or first >= 0xE0:
        return 1, 0
    if first >= 0xA0:
        return 1 + (first & 0x1F), 0
    return 1, (first & 0x0F) * (1 if first >= 0x90 else 2)

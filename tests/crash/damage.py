"""Damages segments, and lists the events that must survive it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from eka_usage._generated.spool import HEADER_BYTES, MARKER

_FRAME = struct.Struct("<III")
_KEY = struct.Struct("<H")


def damage(segments: Sequence[Path], dice: random.Random, *, flips: int, cuts: int) -> list[str]:
    """Flips single bits and truncates files; returns the ids of the events that stay intact."""
    # A preallocated segment has no records yet.
    segments = [path for path in segments if any(_records(path.read_bytes()))]
    if not segments:
        return []
    contents = [bytearray(path.read_bytes()) for path in segments]
    records = [list(_records(bytes(content))) for content in contents]
    used = [found[-1][1] for found in records]
    flipped: set[tuple[int, int]] = set()
    for _ in range(flips):
        number = dice.randrange(len(contents))
        offset = dice.randrange(used[number])
        contents[number][offset] ^= 1 << dice.randrange(8)
        flipped.add((number, offset))
    for _ in range(cuts):
        number = dice.randrange(len(contents))
        # A little at a time, so that most of a segment stays readable.
        used[number] = min(used[number], len(contents[number]) - dice.randrange(20_000))
        del contents[number][max(HEADER_BYTES, used[number]) :]
    for path, content in zip(segments, contents, strict=True):
        path.write_bytes(content)
    return [
        event_id
        for number, found in enumerate(records)
        for start, end, event_id in found
        if end <= len(contents[number])
        and not any((number, offset) in flipped for offset in range(start, end))
    ]


def _records(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Yields where each record starts and ends, and the id of its event."""
    offset = HEADER_BYTES
    while offset + _FRAME.size <= len(content):
        marker, length, _ = _FRAME.unpack_from(content, offset)
        if marker != MARKER:
            return
        start, end = offset, offset + _FRAME.size + length
        (key,) = _KEY.unpack_from(content, start + _FRAME.size)
        event = content[start + _FRAME.size + _KEY.size + key : end]
        yield start, end, json.loads(event)["event_id"]
        offset = end

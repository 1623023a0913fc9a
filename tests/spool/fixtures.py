"""Segments in hex that each SDK wrote, and what each SDK must read from them.

tests/spool/fixtures/<language>/<segment's name>.hex    64 digits per line
tests/spool/fixtures/<language>/expected.json           the content, by segment

`python -m tests.spool.fixtures` rewrites Python's, with the same bytes each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eka_usage._generated.spool import HEADER_BYTES, VERSION
from eka_usage._spool.header import NUMBER, Header
from eka_usage._spool.origin import destination
from eka_usage._spool.record import (
    Damage,
    Record,
    encode_record,
    group_body,
    key_prefix,
    read_records,
    record_salt,
    unacked_start,
)
from eka_usage._spool.segment_name import UNOWNED, SegmentName

FIXTURES = Path(__file__).with_name("fixtures")
_ORIGIN = "6d1e0f3a" * 4
_ADOPTER = "0badcafe" * 4
_CREATED = 1_769_851_800_123
_DESTINATION = destination("eka.usage.events", ["Kafka-1:9092", "kafka-0"])
_INSTANCE = "0198f0c2-7d5e-7abc-8def-instance-1"
EVENTS: Sequence[tuple[bytes, bytes]] = [
    (b"ws-1", b'{"event_id":"one","workspace_id":"ws-1","seq":42}'),
    ("कार्य".encode(), '{"event_id":"two","metadata":"{\\"é\\":1}","seq":43}'.encode()),
    (b"ws-1", b'{"event_id":"\x1eEKA","seq":44}'),
]
GROUP: Sequence[tuple[bytes, bytes]] = [
    (b"ws-1", b'{"event_id":"four","seq":45}'),
    ("कार्य".encode(), '{"event_id":"five","metadata":"{"é":1}","seq":46}'.encode()),
    (b"ws-2", b'{"event_id":"\x1eEKA six","seq":47}'),
]


def read(language: str) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Returns the segments of a language by name, each with its expected content."""
    folder = FIXTURES / language
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    hexed = {path.stem: bytes.fromhex(path.read_text()) for path in folder.glob("*.hex")}
    assert hexed.keys() == expected.keys(), f"{folder}: expected.json lists other segments"
    return {name: (hexed[name], expected[name]) for name in sorted(expected)}


def parse(name: str, content: bytes) -> dict[str, Any]:
    """Returns what a reader finds in a segment, in the form of expected.json."""
    parsed = SegmentName.parse(name)
    assert parsed is not None
    header = Header.unpack(content)
    if header is None:
        return {"header": None, "events": [], "damaged": 0}
    found = list(read_records(content, parsed.origin))
    start = unacked_start(header.acked_offset, found)
    left = [item for item in found if isinstance(item, Record) and item.start >= start]
    return {
        "header": {
            "version": header.version,
            "sound": header.is_sound,
            "first_seq": header.first_seq,
            "created_at": header.created_at,
            "destination": header.destination.hex(),
            "instance_id": header.instance_id,
            "heartbeat": header.heartbeat,
            "acked": header.acked_offset,
            "closed": header.is_fenced,
        },
        "events": [[item.key.decode(), item.event.decode()] for item in left],
        "damaged": sum(isinstance(item, Damage) for item in found),
    }


def segment(
    events: Sequence[tuple[bytes, bytes]],
    *,
    acked: int = 0,
    heartbeat: int = 7,
    version: int = VERSION,
    grouped: Sequence[tuple[bytes, bytes]] = (),
) -> bytearray:
    """Returns the bytes of a segment that is fenced and truncated to its records.

    `grouped` are written as one group record, after the first of the events.
    """
    origin = bytes.fromhex(_ORIGIN)
    header = Header(origin, 42, _CREATED, _DESTINATION, _INSTANCE, version=version)
    mutable = NUMBER.pack(heartbeat) + NUMBER.pack(acked) + b"\x01"
    content = bytearray((header.pack() + mutable).ljust(HEADER_BYTES, b"\0"))
    bodies = [key_prefix(key) + event for key, event in events]
    if grouped:
        bodies.insert(1, group_body(grouped))
    for body in bodies:
        content += encode_record(body, record_salt(origin))
    return content


def build() -> dict[str, bytes]:
    """Returns Python's segments by name: intact ones, and one for each kind of damage."""
    intact = segment(EVENTS)
    first, second, _ = (
        item for item in read_records(bytes(intact), _ORIGIN) if isinstance(item, Record)
    )
    torn, flipped, bad_header = bytearray(intact), bytearray(intact), bytearray(intact)
    del torn[-5:]
    flipped[second.start + 20] ^= 4
    bad_header[20] ^= 1
    grouped = segment(EVENTS, grouped=GROUP)
    before_group, group, *_ = (
        item for item in read_records(bytes(grouped), _ORIGIN) if isinstance(item, Record)
    )
    bad_group = bytearray(grouped)
    bad_group[group.end - 3] ^= 4
    contents = [
        intact,
        segment(EVENTS, acked=first.end),
        segment(EVENTS, acked=first.end + 1),
        torn,
        flipped,
        bad_header,
        segment(EVENTS, version=VERSION + 1),
        bytearray(HEADER_BYTES),
        segment(EVENTS, version=1),
        grouped,
        segment(EVENTS, acked=before_group.end, grouped=GROUP),
        segment(EVENTS, acked=group.end, grouped=GROUP),
        bad_group,
    ]
    owners = (UNOWNED, _ORIGIN, _ADOPTER)
    return {
        str(SegmentName("events", _ORIGIN, 42, number, owners[number % 3])): bytes(content)
        for number, content in enumerate(contents, start=1)
    }


def write(folder: Path) -> None:
    """Writes Python's segments and their expected content."""
    folder.mkdir(parents=True, exist_ok=True)
    segments = build()
    for name, content in segments.items():
        digits = content.hex()
        lines = (digits[start : start + 64] for start in range(0, len(digits), 64))
        (folder / f"{name}.hex").write_text("".join(f"{line}\n" for line in lines))
    expected = {name: parse(name, content) for name, content in segments.items()}
    text = json.dumps(expected, indent=2, ensure_ascii=False)
    (folder / "expected.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write(FIXTURES / "python")

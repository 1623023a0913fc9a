"""Segments of a dead process, as it left them or as somebody else made them look."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec
from eka_usage import USAGE_TOPIC, EkaClient
from eka_usage._generated.spool import HEADER_BYTES, MARKER, SEGMENT_BYTES
from eka_usage._spool.header import Header
from eka_usage._spool.origin import destination
from eka_usage._spool.record import encode_record, key_prefix, record_salt
from eka_usage._spool.segment_name import EVENTS, UNOWNED, SegmentName
from eka_usage.testing import InMemoryProducer

LAST_ORIGIN = "f" * 32
_WORKSPACE = "ws-1"
_FRAME = struct.Struct("<III")


def segment_name(origin: str, *, kind: str = EVENTS) -> str:
    """Returns the name of a segment that nobody owns."""
    return str(SegmentName(kind, origin, 1, 1, UNOWNED))


def segment(origin: str, event_ids: Sequence[str], brokers: str) -> bytes:
    """Returns a segment with these events, for a topic of these brokers."""
    salt = record_salt(bytes.fromhex(origin))
    body = key_prefix(_WORKSPACE.encode())
    records = (encode_record(body + event, salt) for event in map(_event, event_ids))
    return _header(origin, brokers) + b"".join(records)


def slow_segment(origin: str, brokers: str) -> bytes:
    """Returns a segment in which each of as many markers as fit begins the longest false record."""
    frames = (
        _FRAME.pack(MARKER, SEGMENT_BYTES - place - _FRAME.size, 0)
        for place in range(HEADER_BYTES, SEGMENT_BYTES - _FRAME.size, _FRAME.size)
    )
    return (_header(origin, brokers) + b"".join(frames)).ljust(SEGMENT_BYTES, b"\x01")


def plant(folder: Path, origin: str, event_id: str, brokers: str, *, mode: int = 0o600) -> Path:
    """Writes a segment with one event, and returns its path."""
    path = folder / segment_name(origin)
    path.write_bytes(segment(origin, [event_id], brokers))
    path.chmod(mode)
    return path


def _header(origin: str, brokers: str) -> bytes:
    target = destination(USAGE_TOPIC, [brokers])
    header = Header(bytes.fromhex(origin), 1, 0, target, "instance-1")
    return header.pack().ljust(HEADER_BYTES, b"\0")


def _event(event_id: str) -> bytes:
    producer = InMemoryProducer()
    with EkaClient("planter", producer=producer) as client:
        client.record(_WORKSPACE, "api", "api_call", event_id=event_id)
    return msgspec.json.encode(producer[0])

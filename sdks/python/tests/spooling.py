"""What the tests of the spool share: a quick one, and what is in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eka_usage.spool.directory import Directory
from eka_usage.spool.format import Name, Record
from eka_usage.spool.origin import Origin
from eka_usage.spool.segment import Segment
from eka_usage.spool.tuning import Tuning

QUICK = Tuning(
    segment_bytes=4096,
    headroom_bytes=1024,
    group_events=4,
    heartbeat=0.05,
    lease=0.3,
    retry_min=0.01,
    retry_max=0.05,
    patience=0.3,
)
HERE = b"destined"


def origin(destination: bytes = HERE) -> Origin:
    """A new writer, whose events begin with their number."""
    return Origin(destination, "instance-1", lambda event: int(event.split()[0]))


def event(seq: int, size: int = 0) -> bytes:
    """An event of a number."""
    return b"%d " % seq + b"x" * size


def names(folder: Path, kind: str = "events") -> list[Name]:
    """The segments of a folder."""
    return [name for name in Directory(folder, 1 << 40).names() if name.kind == kind]


def events(folder: Path, kind: str = "events") -> list[bytes]:
    """The events in a folder that are not done."""
    found: list[bytes] = []
    for name in names(folder, kind):
        segment = Segment.open(folder, name, write=False)
        found += [item.event for item in segment.read() if isinstance(item, Record)]
        segment.close()
    return found


def ids(folder: Path, kind: str = "events") -> list[Any]:
    """The ids of the events of clients in a folder."""
    return [json.loads(content)["event_id"] for content in events(folder, kind)]

"""What the tests of the spool share: a quick one, and what is in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from eka_usage import EkaClient, spooling
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
_QUICKLY = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50, "log_level": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the spool is."""
    return tmp_path / "spool"


@pytest.fixture
def spooling_to(
    connected: Callable[..., EkaClient], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., EkaClient]:
    """Makes clients that keep events there, and are quick about it."""
    quick = QUICK._replace(segment_bytes=1 << 16)

    def make(mode: str, *, tuning: Tuning = quick, **arguments: Any) -> EkaClient:
        monkeypatch.setattr(spooling, "TUNING", tuning)
        config = {**_QUICKLY, **arguments.pop("kafka_config", {})}
        given = {"spool": mode, "spool_dir": str(folder), **arguments}
        return connected(kafka_config=config, **given)

    return make


def balanced(client: EkaClient) -> bool:
    """Whether the books add up."""
    stats = client.stats()
    return stats.accepted == stats.delivered + stats.failed + stats.queued + stats.spooled


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
    while True:
        with suppress(FileNotFoundError):  # a segment was named anew or removed a moment ago
            return [event for name in names(folder, kind) for event in _in(folder, name)]


def _in(folder: Path, name: Name) -> list[bytes]:
    segment = Segment.open(folder, name, write=False)
    items = segment.read()
    segment.close()
    return [item.event for item in items if isinstance(item, Record)]


def ids(folder: Path, kind: str = "events") -> list[Any]:
    """The ids of the events of clients in a folder."""
    return [json.loads(content)["event_id"] for content in events(folder, kind)]

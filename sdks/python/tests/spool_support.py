"""Shared by the tests of the spool: fast timings, and the contents of a spool directory."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from eka_usage import EkaClient, _spool_wiring
from eka_usage._route import Route
from eka_usage._spool.directory import Directory
from eka_usage._spool.directory_handle import DirectoryHandle
from eka_usage._spool.origin import Origin
from eka_usage._spool.record import Record
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_name import SegmentName
from eka_usage._spool.spool import Spool
from eka_usage._spool.tuning import Tuning

from sdks.python.tests.support import FAST_RECONNECT, ClientFactory

FAST_TUNING = Tuning(
    segment_bytes=4096,
    headroom_bytes=1024,
    group_events=4,
    heartbeat=0.05,
    lease=0.3,
    retry_min=0.01,
    retry_max=0.05,
    patience=0.3,
)
DESTINATION = b"destined"


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    """The directory of the spool, which does not exist yet."""
    return tmp_path / "spool"


@pytest.fixture
def make_spool_client(
    make_client: ClientFactory, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> ClientFactory:
    """Makes clients with a spool in that directory and with fast timings."""
    fast = FAST_TUNING._replace(segment_bytes=1 << 16)

    def make(mode: str, *, tuning: Tuning = fast, **arguments: Any) -> EkaClient:
        monkeypatch.setattr(_spool_wiring, "TUNING", tuning)
        config = {**FAST_RECONNECT, **arguments.pop("kafka_config", {})}
        given = {"spool": mode, "spool_dir": str(spool_dir), **arguments}
        return make_client(kafka_config=config, **given)

    return make


def open_directory(path: Path, limit: int = 1 << 40) -> Directory:
    """Returns a directory of this user's, which is created if it is missing."""
    path.mkdir(mode=0o700, exist_ok=True)
    return Directory(DirectoryHandle(path), limit)


def spool_of(client: EkaClient) -> Spool:
    """Returns the spool of a client that has one."""
    spool = client._outbox._spool
    assert spool is not None
    return spool


def goes_to_disk(client: EkaClient) -> bool:
    """Reports whether the client's next event has to wait on disk behind others."""
    return client._outbox._route is Route.DISK


def new_origin(destination: bytes = DESTINATION) -> Origin:
    """Returns the origin of a new writer, whose events begin with their sequence number."""
    return Origin(destination, lambda: "instance-1", lambda event: int(event.split()[0]))


def event(seq: int, size: int = 0) -> bytes:
    """Returns an event with this sequence number."""
    return b"%d " % seq + b"x" * size


def segment_names(spool_dir: Path, kind: str = "events") -> list[SegmentName]:
    """Returns the names of the segments in a directory."""
    return [name for name in open_directory(spool_dir).names() if name.kind == kind]


def spooled_events(spool_dir: Path, kind: str = "events") -> list[bytes]:
    """Returns the unacknowledged events in a directory."""
    while True:
        with suppress(FileNotFoundError):  # a segment was just renamed or removed
            return [
                event for name in segment_names(spool_dir, kind) for event in _read(spool_dir, name)
            ]


def _read(spool_dir: Path, name: SegmentName) -> list[bytes]:
    segment = Segment.open(DirectoryHandle(spool_dir), name, write=False)
    items = segment.read()
    segment.close()
    return [item.event for item in items if isinstance(item, Record)]


def spooled_ids(spool_dir: Path, kind: str = "events") -> list[Any]:
    """Returns the ids of the unacknowledged events in a directory, which clients wrote."""
    return [json.loads(content)["event_id"] for content in spooled_events(spool_dir, kind)]

"""When the disk has what a client wrote, and not the kernel alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from eka_usage.spool import segment

from sdks.python.tests.spool_support import FAST_TUNING, segment_names
from sdks.python.tests.support import NO_BROKER, VALID, ClientFactory
from tests.waiting import eventually

# So rarely does its heart beat that nothing but the setting can be why it syncs.
SLOW = FAST_TUNING._replace(segment_bytes=1 << 16, heartbeat=60.0, lease=300.0)


def written(spool_dir: Path) -> list[int]:
    """The inodes of the segments that hold events."""
    return [
        (spool_dir / str(name)).stat().st_ino for name in segment_names(spool_dir) if name.first_seq
    ]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what was synced, segment or folder, in its order."""
    found: list[int] = []

    def counted(real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            real(fd)
            found.append(os.fstat(fd).st_ino)

        return sync

    monkeypatch.setattr(segment, "_fdatasync", counted(segment._fdatasync))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    return found


def test_where_it_may_not_wait_each_record_is_synced_before_it_returns(
    synced: list[int], make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("durable", tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=0)
    for number in range(1, 6):
        before = len(synced)
        client.record(**VALID)
        [inode] = written(spool_dir)
        # The first event of a segment is there only if the folder knows the segment, too.
        due = {inode, spool_dir.stat().st_ino} if number == 1 else {inode}
        assert due <= set(synced[before:])


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_where_it_may_wait_records_are_synced_soon(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, synced: list[int]
) -> None:
    client = make_spool_client(
        mode, tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=100, max_queue_events=2
    )
    for _ in range(5):
        synced.clear()
        for _ in range(100):
            client.record(**VALID)
        eventually(partial(synced.__contains__, written(spool_dir)[-1]), seconds=10)


def test_nothing_is_synced_while_nothing_is_written(
    make_spool_client: ClientFactory, spool_dir: Path, synced: list[int]
) -> None:
    client = make_spool_client("durable", tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=10)
    client.record(**VALID)
    eventually(partial(synced.__contains__, written(spool_dir)[-1]), seconds=10)
    before = len(synced)
    time.sleep(0.2)
    assert len(synced) == before

"""When the disk has what a client wrote, and not the kernel alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from eka_usage import EkaClient
from eka_usage.spool import segment

from sdks.python.tests.spooling import QUICK, names
from sdks.python.tests.support import NO_BROKER, VALID, eventually

Connect = Callable[..., EkaClient]
# So rarely does its heart beat that nothing but the setting can be why it syncs.
SLOW = QUICK._replace(segment_bytes=1 << 16, heartbeat=60.0, lease=300.0)


def written(folder: Path) -> list[int]:
    """The inodes of the segments that hold events."""
    return [(folder / str(name)).stat().st_ino for name in names(folder) if name.first_seq]


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
    synced: list[int], spooling_to: Connect, folder: Path
) -> None:
    client = spooling_to("durable", tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=0)
    for number in range(1, 6):
        before = len(synced)
        client.record(**VALID)
        [inode] = written(folder)
        # The first event of a segment is there only if the folder knows the segment, too.
        due = {inode, folder.stat().st_ino} if number == 1 else {inode}
        assert due <= set(synced[before:])


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_where_it_may_wait_records_are_synced_soon(
    mode: str, spooling_to: Connect, folder: Path, synced: list[int]
) -> None:
    client = spooling_to(
        mode, tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=100, max_queue_events=2
    )
    for _ in range(5):
        synced.clear()
        for _ in range(100):
            client.record(**VALID)
        eventually(partial(synced.__contains__, written(folder)[-1]))


def test_nothing_is_synced_while_nothing_is_written(
    spooling_to: Connect, folder: Path, synced: list[int]
) -> None:
    client = spooling_to("durable", tuning=SLOW, kafka_brokers=NO_BROKER, spool_sync_ms=10)
    client.record(**VALID)
    eventually(partial(synced.__contains__, written(folder)[-1]))
    before = len(synced)
    time.sleep(0.2)
    assert len(synced) == before

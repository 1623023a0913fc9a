"""When the events that a client writes are synced to the disk itself."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from eka_usage._spool import segment

from sdks.python.tests.spool_support import FAST_TUNING, segment_names
from sdks.python.tests.support import NO_BROKER, VALID, ClientFactory
from tests.waiting import eventually

# With so rare a heartbeat, only the setting can be the reason for a sync.
RARE_HEARTBEAT = FAST_TUNING._replace(segment_bytes=1 << 16, heartbeat=60.0, lease=300.0)


def written(spool_dir: Path) -> list[int]:
    """Returns the inodes of the segments with events."""
    return [
        (spool_dir / str(name)).stat().st_ino for name in segment_names(spool_dir) if name.first_seq
    ]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of the segments and directories that were synced, in order."""
    inodes: list[int] = []

    def recorded(real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            real(fd)
            inodes.append(os.fstat(fd).st_ino)

        return sync

    monkeypatch.setattr(segment, "_fdatasync", recorded(segment._fdatasync))
    monkeypatch.setattr(os, "fsync", recorded(os.fsync))
    return inodes


def test_with_spool_sync_ms_zero_each_event_is_synced_before_record_returns(
    synced: list[int], make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client(
        "durable", tuning=RARE_HEARTBEAT, kafka_brokers=NO_BROKER, spool_sync_ms=0
    )
    for number in range(1, 6):
        before = len(synced)
        client.record(**VALID)
        [inode] = written(spool_dir)
        # A new segment survives only if the directory, with its entry, is synced too.
        due = {inode, spool_dir.stat().st_ino} if number == 1 else {inode}
        assert due <= set(synced[before:])


def test_an_event_that_fsync_fails_for_is_accepted_and_delivered_once(
    make_spool_client: ClientFactory,
    spool_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    client = make_spool_client(
        "durable", tuning=RARE_HEARTBEAT, kafka_brokers=NO_BROKER, spool_sync_ms=0
    )
    with monkeypatch.context() as patched:
        patched.setattr(segment, "_fdatasync", fails)
        for _ in range(3):
            assert client.record(**VALID)
    assert "spool sync failed" in caplog.text
    assert "memory only" not in caplog.text
    assert client.shutdown() == 0
    assert client.stats().spooled == 3
    content = b"".join(path.read_bytes() for path in spool_dir.iterdir())
    assert [content.count(b'"seq":%d' % seq) for seq in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_with_spool_sync_ms_above_zero_events_are_synced_soon_after(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, synced: list[int]
) -> None:
    client = make_spool_client(
        mode, tuning=RARE_HEARTBEAT, kafka_brokers=NO_BROKER, spool_sync_ms=100, max_queue_events=2
    )
    for _ in range(5):
        synced.clear()
        for _ in range(100):
            client.record(**VALID)
        eventually(partial(synced.__contains__, written(spool_dir)[-1]), seconds=10)


def test_nothing_is_synced_while_nothing_is_written(
    make_spool_client: ClientFactory, spool_dir: Path, synced: list[int]
) -> None:
    client = make_spool_client(
        "durable", tuning=RARE_HEARTBEAT, kafka_brokers=NO_BROKER, spool_sync_ms=10
    )
    client.record(**VALID)
    eventually(partial(synced.__contains__, written(spool_dir)[-1]), seconds=10)
    before = len(synced)
    time.sleep(0.2)
    assert len(synced) == before

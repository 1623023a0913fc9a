"""Which segments an adopter takes over from other clients, and when."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eka_usage._spool.adoption import Adopter
from eka_usage._spool.directory import Directory
from eka_usage._spool.record import Record
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import EVENTS, UNOWNED

from sdks.python.tests.spool_support import (
    DESTINATION,
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
)

LEASE = 0.1
ORPHAN_TIMEOUT = 0.3
OTHER_DESTINATION = b"elsewher"


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A directory that a spool may use."""
    return open_directory(tmp_path / "spool", 1 << 20)


def filled_log(directory: Directory, *sizes: int, destination: bytes = b"destined") -> SegmentLog:
    """Returns a segment log to which events of these sizes were appended."""
    log = SegmentLog(directory, new_origin(destination), EVENTS, FAST_TUNING)
    for seq, size in enumerate(sizes, start=1):
        log.append(b"ws-1", event(seq, size))
    return log


def new_adopter(directory: Directory, lease: float = LEASE) -> Adopter:
    """Returns an adopter with short timeouts."""
    return Adopter(
        directory, new_origin(), FAST_TUNING._replace(lease=lease, orphan_timeout=ORPHAN_TIMEOUT)
    )


def adopt(adopter: Adopter) -> list[bytes]:
    """Lets it adopt what it may now, and returns the events."""
    return [
        item.event
        for segment in adopter.adopt()
        for item in segment.read()
        if isinstance(item, Record)
    ]


def test_a_released_segment_is_adopted_at_once_by_one_client(directory: Directory) -> None:
    filled_log(directory, 1, 2).release()
    first, second = new_adopter(directory), new_adopter(directory)
    assert adopt(first) == [event(1, 1), event(2, 2)]
    assert adopt(second) == []


def test_the_segments_of_a_crashed_owner_are_adopted_after_the_lease(directory: Directory) -> None:
    crashed = filled_log(directory, 1)
    adopter, patient = new_adopter(directory), new_adopter(directory, lease=3600)
    assert adopt(adopter) == adopt(patient) == []
    time.sleep(LEASE)
    assert adopt(patient) == []
    assert adopt(adopter) == [event(1, 1)]
    # The owner was only paused: what it appends now follows in another segment.
    crashed.append(b"ws-1", event(2))
    crashed.release()
    assert adopt(adopter) == [event(2)]


def test_all_segments_of_a_crashed_owner_are_adopted_after_one_lease(directory: Directory) -> None:
    filled_log(directory, 3500, 3500, 3500)
    adopter = new_adopter(directory)
    assert adopt(adopter) == []
    time.sleep(LEASE)
    assert adopt(adopter) == [event(1, 3500), event(2, 3500), event(3, 3500)]


def test_an_owner_whose_heartbeat_advances_keeps_its_segments(directory: Directory) -> None:
    alive = filled_log(directory, 1)
    adopter = new_adopter(directory)
    for _ in range(8):
        assert adopt(adopter) == []
        time.sleep(LEASE / 3)
        for segment in alive.segments():
            segment.beat()


def test_a_later_segment_is_not_adopted_before_a_live_owners_earlier_one(
    directory: Directory,
) -> None:
    owner = filled_log(directory, 3500, 3500)
    first, second, *_ = owner.segments()
    assert second.transfer_to(UNOWNED)
    adopter = new_adopter(directory)
    assert adopt(adopter) == []
    assert first.transfer_to(UNOWNED)
    assert adopt(adopter) == [event(1, 3500), event(2, 3500)]


def test_a_segment_for_another_destination_is_left_alone(directory: Directory) -> None:
    filled_log(directory, 1, destination=OTHER_DESTINATION).release()
    assert adopt(new_adopter(directory)) == []
    assert len(segment_names(directory.path)) == 1


def test_a_segment_of_a_newer_version_is_left_alone_and_reported_once(
    directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    log = filled_log(directory, 1)
    [segment, *_] = log.segments()
    header = segment.header()
    assert header is not None
    segment.write_header(header._replace(version=3))
    log.release()
    adopter = new_adopter(directory)
    assert adopt(adopter) == adopt(adopter) == []
    assert len([line for line in caplog.messages if "newer format version, 3" in line]) == 1


@contextmanager
def first_header(directory: Directory) -> Iterator[bytearray]:
    """Gives the bytes of the first segment for damaging, and writes them back."""
    path = directory.path / str(segment_names(directory.path)[0])
    content = bytearray(path.read_bytes())
    yield content
    path.write_bytes(content)


@pytest.mark.parametrize("place", [9, 20, 40, 50], ids=["version", "origin", "time", "destination"])
def test_a_damaged_header_loses_no_event(place: int, directory: Directory) -> None:
    filled_log(directory, 3500, 3500).release()
    with first_header(directory) as header:
        header[place] ^= 1
    assert adopt(new_adopter(directory)) == [event(1, 3500), event(2, 3500)]


def test_a_damaged_header_is_left_alone_if_its_neighbours_go_elsewhere(
    directory: Directory,
) -> None:
    filled_log(directory, 3500, 3500, destination=OTHER_DESTINATION).release()
    with first_header(directory) as header:
        header[48:56] = DESTINATION
    adopter = new_adopter(directory)
    assert adopt(adopter) == []
    time.sleep(ORPHAN_TIMEOUT)
    assert adopt(adopter) == []


def test_an_orphan_with_a_damaged_header_is_adopted_after_the_orphan_timeout(
    directory: Directory,
) -> None:
    filled_log(directory, 1).release()
    with first_header(directory) as header:
        header[48:56] = OTHER_DESTINATION
    adopter = new_adopter(directory)
    assert adopt(adopter) == []  # clients of its own destination have time to adopt it
    time.sleep(ORPHAN_TIMEOUT)
    assert adopt(adopter) == [event(1, 1)]


def test_a_segment_without_records_is_adopted_as_empty(directory: Directory) -> None:
    name = new_origin().name(EVENTS)._replace(owner=UNOWNED)
    Segment.create(directory.handle, name, FAST_TUNING.segment_bytes)
    assert [segment.read() for segment in new_adopter(directory).adopt()] == [[]]


def test_a_segment_whose_adoption_failed_is_adopted_once_its_heartbeat_stood_still(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled_log(directory, 1).release()
    adopter = new_adopter(directory)

    def fail(_: Segment) -> None:
        monkeypatch.undo()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Segment, "fence", fail)
    assert adopt(adopter) == adopt(adopter) == []
    time.sleep(LEASE)
    assert adopt(adopter) == [event(1, 1)]


def test_a_segment_with_two_names_after_a_crash_is_adopted_by_each(directory: Directory) -> None:
    filled_log(directory, 1).release()
    [name] = segment_names(directory.path)
    directory.handle.link(name, name._replace(number=9))
    assert adopt(new_adopter(directory)) == [event(1, 1)] * 2


def test_files_that_are_not_segments_are_left_alone(directory: Directory, tmp_path: Path) -> None:
    (directory.path / "README").write_text("mine")
    target = tmp_path / "target"
    target.write_bytes(bytes(4096))
    (directory.path / str(new_origin().name(EVENTS)._replace(owner=UNOWNED))).symlink_to(target)
    assert adopt(new_adopter(directory)) == []
    assert target.read_bytes() == bytes(4096)

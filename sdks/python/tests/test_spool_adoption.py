"""Who takes which abandoned segments, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eka_usage.spool.adoption import Adopter
from eka_usage.spool.directory import Directory
from eka_usage.spool.format import EVENTS, NOBODY, Record
from eka_usage.spool.journal import Journal
from eka_usage.spool.segment import Segment

from sdks.python.tests.spool_support import (
    DESTINATION,
    FAST_TUNING,
    event,
    new_origin,
    segment_names,
)

LEASE = 0.1
STRAY = 0.3
ELSEWHERE = b"elsewher"


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A folder that a spool may use."""
    found = Directory(tmp_path / "spool", 1 << 20)
    found.prepare()
    return found


def journal(directory: Directory, *sizes: int, destination: bytes = b"destined") -> Journal:
    """A journal that events of these sizes were written to."""
    written = Journal(directory, new_origin(destination), EVENTS, FAST_TUNING)
    for seq, size in enumerate(sizes, start=1):
        written.append(b"ws-1", event(seq, size))
    return written


def adopter(directory: Directory, lease: float = LEASE) -> Adopter:
    """One who looks for segments."""
    return Adopter(directory, new_origin(), FAST_TUNING._replace(lease=lease, stray=STRAY))


def taken(by: Adopter) -> list[bytes]:
    """The events of what it takes now."""
    return [
        item.event
        for segment in by.adopted()
        for item in segment.read()
        if isinstance(item, Record)
    ]


def test_what_was_released_is_adopted_at_once_by_one(directory: Directory) -> None:
    journal(directory, 1, 2).release()
    first, second = adopter(directory), adopter(directory)
    assert taken(first) == [event(1, 1), event(2, 2)]
    assert taken(second) == []


def test_a_crashed_owner_is_inherited_after_the_lease(directory: Directory) -> None:
    crashed = journal(directory, 1)
    heir, patient = adopter(directory), adopter(directory, lease=3600)
    assert taken(heir) == taken(patient) == []
    time.sleep(LEASE)
    assert taken(patient) == []
    assert taken(heir) == [event(1, 1)]
    # It was only paused: what it writes now comes after that.
    crashed.append(b"ws-1", event(2))
    crashed.release()
    assert taken(heir) == [event(2)]


def test_one_lease_is_enough_for_all_segments_of_a_crashed_owner(directory: Directory) -> None:
    journal(directory, 3500, 3500, 3500)
    heir = adopter(directory)
    assert taken(heir) == []
    time.sleep(LEASE)
    assert taken(heir) == [event(1, 3500), event(2, 3500), event(3, 3500)]


def test_a_heart_that_beats_is_no_crash(directory: Directory) -> None:
    alive = journal(directory, 1)
    heir = adopter(directory)
    for _ in range(8):
        assert taken(heir) == []
        time.sleep(LEASE / 3)
        for segment in alive.segments():
            segment.beat()


def test_a_later_segment_waits_for_an_earlier_one_of_a_living_owner(directory: Directory) -> None:
    owner = journal(directory, 3500, 3500)
    first, second, *_ = owner.segments()
    assert second.hand_to(NOBODY)
    heir = adopter(directory)
    assert taken(heir) == []
    assert first.hand_to(NOBODY)
    assert taken(heir) == [event(1, 3500), event(2, 3500)]


def test_what_was_meant_for_another_cluster_is_left_alone(directory: Directory) -> None:
    journal(directory, 1, destination=ELSEWHERE).release()
    assert taken(adopter(directory)) == []
    assert len(segment_names(directory.path)) == 1


def test_a_newer_version_is_left_alone_and_reported_once(
    directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    written = journal(directory, 1)
    [segment, *_] = written.segments()
    header = segment.header()
    assert header is not None
    segment.begin(header._replace(version=2))
    written.release()
    heir = adopter(directory)
    assert taken(heir) == taken(heir) == []
    assert len([line for line in caplog.messages if "version 2" in line]) == 1


@contextmanager
def first_header(directory: Directory) -> Iterator[bytearray]:
    """The first segment's bytes, to be damaged."""
    path = directory.path / str(segment_names(directory.path)[0])
    content = bytearray(path.read_bytes())
    yield content
    path.write_bytes(content)


@pytest.mark.parametrize("place", [9, 20, 40, 50], ids=["version", "origin", "time", "destination"])
def test_a_damaged_header_costs_no_event(place: int, directory: Directory) -> None:
    journal(directory, 3500, 3500).release()
    with first_header(directory) as header:
        header[place] ^= 1
    assert taken(adopter(directory)) == [event(1, 3500), event(2, 3500)]


def test_a_damaged_header_is_left_alone_where_its_neighbours_say_elsewhere(
    directory: Directory,
) -> None:
    journal(directory, 3500, 3500, destination=ELSEWHERE).release()
    with first_header(directory) as header:
        header[48:56] = DESTINATION
    heir = adopter(directory)
    assert taken(heir) == []
    time.sleep(STRAY)
    assert taken(heir) == []


def test_a_damaged_header_that_nothing_explains_is_taken_by_anybody_in_the_end(
    directory: Directory,
) -> None:
    journal(directory, 1).release()
    with first_header(directory) as header:
        header[48:56] = ELSEWHERE
    heir = adopter(directory)
    assert taken(heir) == []  # whoever it was meant for has time to take it
    time.sleep(STRAY)
    assert taken(heir) == [event(1, 1)]


def test_a_segment_that_was_never_written_to_is_adopted_empty(directory: Directory) -> None:
    name = new_origin().name(EVENTS)._replace(owner=NOBODY)
    Segment.create(directory.path, name, FAST_TUNING.segment_bytes)
    assert [segment.read() for segment in adopter(directory).adopted()] == [[]]


def test_what_is_no_segment_is_left_alone(directory: Directory, tmp_path: Path) -> None:
    (directory.path / "README").write_text("mine")
    target = tmp_path / "target"
    target.write_bytes(bytes(4096))
    (directory.path / str(new_origin().name(EVENTS)._replace(owner=NOBODY))).symlink_to(target)
    assert taken(adopter(directory)) == []
    assert target.read_bytes() == bytes(4096)

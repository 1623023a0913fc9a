"""Groups on disk: several events in one record, which exist, are replayed and end as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eka_usage._spool.directory import SpoolFullError
from eka_usage._spool.record import Member, group_body
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import EVENTS
from eka_usage._spool.segment_writer import AckGroup

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
    spooled_events,
)
from sdks.python.tests.test_spool_replay import SMALL_WINDOW, FakeTransport, Replay
from tests.waiting import eventually


def members(first: int, count: int, size: int = 0) -> list[Member]:
    """Returns events with consecutive numbers, and their keys."""
    return [(b"ws-1", event(seq, size)) for seq in range(first, first + count)]


def append(log: SegmentLog, group: list[Member]) -> AckGroup:
    """Appends a group."""
    return log.append_group(group, group_body(group))


def new_log(spool_dir: Path, **arguments: Any) -> SegmentLog:
    """Returns a log with small segments."""
    limit = arguments.pop("limit", 1 << 40)
    directory = open_directory(spool_dir, limit)
    return SegmentLog(directory, new_origin(), EVENTS, FAST_TUNING, **arguments)


@pytest.fixture
def log(spool_dir: Path) -> Iterator[SegmentLog]:
    """A log with small segments."""
    made = new_log(spool_dir)
    yield made
    made.release()


def test_the_members_of_a_group_are_read_in_order_among_single_events(
    log: SegmentLog, spool_dir: Path
) -> None:
    log.append(b"ws-1", event(1))
    append(log, members(2, 5))
    log.append(b"ws-1", event(7))
    assert spooled_events(spool_dir) == [event(seq) for seq in range(1, 8)]
    assert log.appended == 7


def test_a_group_begins_a_segment_if_the_current_one_has_no_room_for_all_of_it(
    log: SegmentLog, spool_dir: Path
) -> None:
    log.append(b"ws-1", event(1, 2500))
    append(log, members(2, 3, 500))
    assert [name.first_seq for name in segment_names(spool_dir) if name.first_seq] == [1, 2]
    assert len(spooled_events(spool_dir)) == 4


def test_a_group_longer_than_a_segment_is_refused_and_leaves_nothing(
    log: SegmentLog, spool_dir: Path
) -> None:
    with pytest.raises(SpoolFullError, match="longer than a segment"):
        append(log, members(1, 5, 1000))
    with pytest.raises(SpoolFullError, match="longer than a segment"):
        log.reserve(5000)
    assert spooled_events(spool_dir) == []


def test_room_that_was_reserved_for_a_group_is_there(spool_dir: Path) -> None:
    log = new_log(spool_dir, limit=2 * FAST_TUNING.segment_bytes)
    log.append(b"ws-1", event(1, 2500))
    log.reserve(2000)
    append(log, members(2, 3, 500))
    with pytest.raises(SpoolFullError):
        log.reserve(3000)
    with pytest.raises(SpoolFullError):
        append(log, members(5, 3, 1000))
    assert len(spooled_events(spool_dir)) == 4
    log.release()


def test_a_group_that_an_adopter_fenced_is_written_again_whole(spool_dir: Path) -> None:
    lost: list[int] = []
    log = new_log(spool_dir, on_lost=lost.append)
    log.append(b"ws-1", event(1))
    [segment, *_] = log.segments()
    adopted = Segment.open(segment._directory, segment.name)
    assert adopted.transfer_to("f" * 32)
    adopted.fence()
    append(log, members(2, 3))
    mine = [name for name in segment_names(spool_dir) if name.owner == name.origin]
    assert [name.first_seq for name in mine if name.first_seq] == [2]
    assert (lost, log.appended) == ([1], 4)
    log.release()


def test_a_segment_with_a_group_is_removed_once_every_member_is_acknowledged(
    spool_dir: Path,
) -> None:
    log = new_log(spool_dir)
    group = append(log, members(1, 3))
    group.mark_acked()
    group.mark_acked()
    log.prune()
    assert len(spooled_events(spool_dir)) == 3
    group.mark_acked()
    log.prune()
    assert spooled_events(spool_dir) == []
    log.release()
    assert segment_names(spool_dir) == []


def test_a_replay_that_stops_within_a_group_leaves_all_of_it(spool_dir: Path) -> None:
    sent_before = 4
    transport = FakeTransport(
        lambda sent: "delivered" if sent < sent_before else "unreported", 1000
    )
    replay = _replay_group(spool_dir, transport)
    eventually(lambda: len(transport.sent) > sent_before)
    replay.replayer.stop()
    assert spooled_events(spool_dir) == [content for _, content in members(2, 6, 300)]


def test_a_member_that_is_finally_refused_is_a_dead_letter_of_its_own(spool_dir: Path) -> None:
    transport = FakeTransport(lambda sent: "rejected" if sent == 3 else "delivered", 1000)
    replay = _replay_group(spool_dir, transport)
    eventually(lambda: not segment_names(spool_dir))
    assert replay.dead_letters == [event(4, 300)]
    assert replay.delivered == 6
    replay.replayer.stop()


def _replay_group(spool_dir: Path, transport: FakeTransport) -> Replay:
    """Begins to replay one event and a group of six, of which two fit into a window."""

    def fill(log: SegmentLog) -> None:
        log.append(b"ws-1", event(1))
        append(log, members(2, 6, 300))

    return Replay(spool_dir, SMALL_WINDOW, 0, transport, own=True, fill=fill)

"""What a segment log writes, and what it does if others interfere or room is short."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from eka_usage._spool.directory import SpoolFullError
from eka_usage._spool.directory_handle import DirectoryHandle
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import UNOWNED, SegmentName
from eka_usage._spool.segment_writer import AckGroup

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
    spooled_events,
)

PLENTY = 1 << 20


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    """A directory that a spool may use."""
    path = tmp_path / "spool"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def make_log(spool_dir: Path) -> Callable[..., SegmentLog]:
    """Makes segment logs, each with an origin of its own."""

    def make(limit: int = PLENTY, **hooks: Any) -> SegmentLog:
        return SegmentLog(
            open_directory(spool_dir, limit), new_origin(), "events", FAST_TUNING, **hooks
        )

    return make


def transferred_segment(spool_dir: Path) -> Segment:
    """Returns the only segment, after its transfer to an adopter."""
    [name] = segment_names(spool_dir)
    segment = Segment.open(DirectoryHandle(spool_dir), name)
    assert segment.transfer_to("ab" * 16)
    return segment


def test_an_appended_event_is_in_the_file_at_once(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    for seq in range(1, 6):
        log.append(b"ws-1", event(seq))
        assert spooled_events(spool_dir) == [event(number) for number in range(1, seq + 1)]
    [name] = segment_names(spool_dir)
    assert (name.first_seq, name.number, name.owner) == (1, 1, name.origin)
    mode = (spool_dir / str(name)).stat()
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_size == FAST_TUNING.segment_bytes
    assert mode.st_blocks * 512 >= FAST_TUNING.segment_bytes


def test_the_segment_log_rolls_when_a_segment_is_full(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    for seq in range(1, 31):
        log.append(b"ws-1", event(seq, 500))
    assert spooled_events(spool_dir) == [event(seq, 500) for seq in range(1, 31)]
    first_seqs = [name.first_seq for name in segment_names(spool_dir) if name.first_seq]
    assert first_seqs == sorted(first_seqs)
    assert len(first_seqs) > 3


def test_segment_names_stay_in_order_when_an_older_event_is_requeued(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    for seq in (7, 8, 2, 3):
        log.append(b"ws-1", event(seq, 3000))
    assert [name.first_seq for name in segment_names(spool_dir) if name.first_seq] == [7, 8, 8, 8]


def test_an_event_goes_to_a_new_segment_after_an_adopter_fences_the_current_one(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    lost: list[int] = []
    log = make_log(on_lost=lost.append)
    log.append(b"ws-1", event(1))
    adopted = transferred_segment(spool_dir)
    adopted.fence()
    log.append(b"ws-1", event(2))
    mine = [
        name for name in segment_names(spool_dir) if name.owner == name.origin and name.first_seq
    ]
    assert [name.first_seq for name in mine] == [2]
    assert spooled_events(spool_dir).count(event(1)) == 1
    assert event(2) in spooled_events(spool_dir)
    assert lost == [1]
    log.release()
    assert adopted.is_own()


def test_an_append_that_interrupts_another_goes_to_a_segment_of_its_own(
    spool_dir: Path, make_log: Callable[..., SegmentLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler records while its thread writes a record."""
    log = make_log()
    log.append(b"ws-1", event(1))
    real = AckGroup.__init__
    handled: list[bytes] = []

    def interrupted(group: AckGroup, report_of: Any) -> None:
        real(group, report_of)
        if log._is_writing and not handled:
            handled.append(event(99))
            log.append(b"ws-1", event(99))

    monkeypatch.setattr(AckGroup, "__init__", interrupted)
    for seq in range(2, 10):
        log.append(b"ws-1", event(seq))
    assert handled
    assert {*spooled_events(spool_dir)} == {event(99), *(event(seq) for seq in range(1, 10))}


class InterruptedMap:
    """A memory map whose writer is interrupted once, as by a signal handler."""

    def __init__(self, writer: Any, handler: Callable[[], object]) -> None:
        self._map = writer.map
        self._handlers = [handler]
        writer.map = self

    def __getitem__(self, place: Any) -> Any:
        return self._map[place]

    def __setitem__(self, place: Any, content: bytes) -> None:
        while self._handlers:
            self._handlers.pop()()
        self._map[place] = content


def test_a_release_that_interrupts_an_append_loses_no_event(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    log.append(b"ws-1", event(1))
    InterruptedMap(log._writer, log.release)
    log.append(b"ws-1", event(2))
    assert {*spooled_events(spool_dir)} == {event(1), event(2)}


def test_a_segment_that_is_taken_for_replay_is_truncated(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    log.append(b"ws-1", event(1))
    popped = log.pop_oldest()
    assert popped is not None
    assert (spool_dir / str(popped.name)).stat().st_size < 500
    assert log.pop_oldest() is None


def test_acked_groups_advance_the_offset_and_an_acked_segment_is_removed(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    groups = [log.append(b"ws-1", event(seq, 300)) for seq in range(1, 21)]
    for group in groups[4:8]:
        group.mark_acked()
    log.prune()
    assert spooled_events(spool_dir)[0] == event(1, 300)
    for group in groups[:4]:
        group.mark_acked()
    log.prune()
    assert spooled_events(spool_dir)[0] == event(9, 300)
    for group in groups[8:]:
        group.mark_acked()
    log.prune()
    assert spooled_events(spool_dir) == []
    log.release()
    assert segment_names(spool_dir) == []


def test_an_acked_segment_stays_while_it_is_written_to(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    log.append(b"ws-1", event(1)).mark_acked()
    log.prune()
    log.append(b"ws-1", event(2))
    assert spooled_events(spool_dir) == [event(2)]


def test_release_fences_and_truncates_a_segment_with_unacked_events(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    for seq in range(1, 4):
        log.append(b"ws-1", event(seq))
    log.release()
    [name] = segment_names(spool_dir)
    assert name.owner == UNOWNED
    assert (spool_dir / str(name)).stat().st_size < 500
    segment = Segment.open(DirectoryHandle(spool_dir), name)
    header = segment.header()
    assert header is not None
    assert (header.is_fenced, header.is_sound, header.first_seq) == (True, True, 1)
    assert spooled_events(spool_dir) == [event(1), event(2), event(3)]


def test_the_segment_log_reports_full_while_numbered_events_still_fit(
    make_log: Callable[..., SegmentLog],
) -> None:
    trouble: list[Any] = []
    log = make_log(limit=FAST_TUNING.segment_bytes, on_room_changed=trouble.append)
    seq = 0
    while not any(trouble):
        log.append(b"ws-1", event(seq := seq + 1, 100))
    assert isinstance(trouble[-1], SpoolFullError)
    assert "has reached its limit" in str(trouble[-1])
    for _ in range(FAST_TUNING.headroom_bytes // 200):  # these already have their numbers
        log.append(b"ws-1", event(seq := seq + 1, 100))
    with pytest.raises(SpoolFullError):
        log.append(b"ws-1", event(seq, FAST_TUNING.headroom_bytes))


@pytest.fixture
def while_creating(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], Thread]:
    """Starts work in another thread while the next segment is being created."""
    real = Segment.create

    def let(work: Callable[[], object]) -> Thread:
        other = Thread(target=work)

        def create(handle: DirectoryHandle, name: SegmentName, size: int) -> Segment:
            monkeypatch.setattr(Segment, "create", real)
            other.start()
            other.join(0.2)  # until it blocks or ends
            return real(handle, name, size)

        monkeypatch.setattr(Segment, "create", create)
        return other

    return let


def test_threads_that_create_segments_at_once_do_not_exceed_the_limit(
    spool_dir: Path, while_creating: Callable[..., Thread]
) -> None:
    directory, writer = open_directory(spool_dir, FAST_TUNING.segment_bytes), new_origin()
    refused: list[SpoolFullError] = []

    def other() -> None:
        try:
            directory.create(writer.name("events"), FAST_TUNING.segment_bytes)
        except SpoolFullError as error:
            refused.append(error)

    thread = while_creating(other)
    directory.create(writer.name("events"), FAST_TUNING.segment_bytes)
    thread.join()
    assert refused
    assert len(segment_names(spool_dir)) == 1


def test_an_append_waits_for_the_segment_that_another_thread_creates(
    spool_dir: Path, make_log: Callable[..., SegmentLog], while_creating: Callable[..., Thread]
) -> None:
    log = make_log()
    log.append(b"ws-1", event(1, 2500))
    thread = while_creating(lambda: log.append(b"ws-1", event(2, 2500)))
    log.preallocate()
    thread.join()
    assert spooled_events(spool_dir) == [event(1, 2500), event(2, 2500)]
    assert len(segment_names(spool_dir)) == 2


def test_no_event_is_rejected_while_the_current_segment_has_room(
    make_log: Callable[..., SegmentLog],
) -> None:
    trouble: list[Any] = []
    log = make_log(limit=FAST_TUNING.segment_bytes, on_room_changed=trouble.append)
    log.append(b"ws-1", event(1))
    log.preallocate()
    assert trouble == [None]


def test_a_preallocated_segment_is_discarded_once_no_event_waits(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    log = make_log()
    log.append(b"ws-1", event(1))
    log.preallocate()
    log.discard_preallocated()
    assert len(segment_names(spool_dir)) == 2
    popped = log.pop_oldest()
    assert popped is not None
    log.discard_preallocated()
    assert segment_names(spool_dir) == [popped.name]


def test_a_segment_created_during_the_release_is_not_left_behind(
    spool_dir: Path, make_log: Callable[..., SegmentLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler shuts the client down while its thread preallocates a segment."""
    real, log = Segment.create, make_log()

    def create(handle: DirectoryHandle, name: SegmentName, size: int) -> Segment:
        made = real(handle, name, size)
        log.release()
        return made

    monkeypatch.setattr(Segment, "create", create)
    log.ensure_headroom()
    assert segment_names(spool_dir) == []


def test_the_segment_log_reports_when_there_is_room_again(
    spool_dir: Path, make_log: Callable[..., SegmentLog]
) -> None:
    trouble: list[Any] = []
    log = make_log(limit=2 * FAST_TUNING.segment_bytes, on_room_changed=trouble.append)
    other = make_log()
    other.append(b"ws-1", event(1))
    while not any(trouble):
        log.append(b"ws-1", event(1, 100))
    for segment in other.segments():
        segment.remove()
    log.preallocate()
    assert trouble[-1] is None


def test_an_unwritable_disk_is_not_reported_as_full(
    spool_dir: Path, make_log: Callable[..., SegmentLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segment, "create", _read_only)
    with pytest.raises(OSError, match="Read-only"):
        make_log().append(b"ws-1", event(1))


def _read_only(*_: object) -> Segment:
    raise OSError(30, "Read-only file system")


def test_threads_append_concurrently(spool_dir: Path, make_log: Callable[..., SegmentLog]) -> None:
    log = make_log()

    def work(number: int) -> None:
        for seq in range(100):
            log.append(b"ws-1", event(number * 100 + seq, 20))

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(spooled_events(spool_dir)) == sorted(event(seq, 20) for seq in range(800))

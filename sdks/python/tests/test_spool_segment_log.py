"""What a journal writes to segments, and what it does where others interfere or room is short."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from eka_usage.spool.directory import Directory, Full
from eka_usage.spool.format import NOBODY, Name
from eka_usage.spool.journal import Group, Journal
from eka_usage.spool.segment import Segment

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    segment_names,
    spooled_events,
)

PLENTY = 1 << 20


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    """A folder that a spool may use."""
    path = tmp_path / "spool"
    Directory(path, PLENTY).prepare()
    return path


@pytest.fixture
def journal(spool_dir: Path) -> Callable[..., Journal]:
    """Makes journals of their own origins."""

    def make(limit: int = PLENTY, **hooks: Any) -> Journal:
        return Journal(Directory(spool_dir, limit), new_origin(), "events", FAST_TUNING, **hooks)

    return make


def others(spool_dir: Path) -> Segment:
    """The only segment, in the hands of an adopter."""
    [name] = segment_names(spool_dir)
    segment = Segment.open(spool_dir, name)
    assert segment.hand_to("ab" * 16)
    return segment


def test_what_is_appended_is_in_the_file_at_once(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    for seq in range(1, 6):
        written.append(b"ws-1", event(seq))
        assert spooled_events(spool_dir) == [event(number) for number in range(1, seq + 1)]
    [name] = segment_names(spool_dir)
    assert (name.first_seq, name.number, name.owner) == (1, 1, name.origin)
    mode = (spool_dir / str(name)).stat()
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_size == FAST_TUNING.segment_bytes
    assert mode.st_blocks * 512 >= FAST_TUNING.segment_bytes


def test_a_full_segment_is_followed_by_another(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    for seq in range(1, 31):
        written.append(b"ws-1", event(seq, 500))
    assert spooled_events(spool_dir) == [event(seq, 500) for seq in range(1, 31)]
    begun = [name.first_seq for name in segment_names(spool_dir) if name.first_seq]
    assert begun == sorted(begun)
    assert len(begun) > 3


def test_an_older_event_that_comes_back_does_not_turn_the_names_around(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    for seq in (7, 8, 2, 3):
        written.append(b"ws-1", event(seq, 3000))
    assert [name.first_seq for name in segment_names(spool_dir) if name.first_seq] == [7, 8, 8, 8]


def test_a_segment_that_somebody_closed_is_left_and_the_event_written_elsewhere(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    lost: list[int] = []
    written = journal(on_lost=lost.append)
    written.append(b"ws-1", event(1))
    taken = others(spool_dir)
    taken.end_appends()
    written.append(b"ws-1", event(2))
    mine = [
        name for name in segment_names(spool_dir) if name.owner == name.origin and name.first_seq
    ]
    assert [name.first_seq for name in mine] == [2]
    assert spooled_events(spool_dir).count(event(1)) == 1
    assert event(2) in spooled_events(spool_dir)
    assert lost == [1]
    written.release()
    assert taken.is_mine()


def test_an_append_inside_an_append_goes_to_a_segment_of_its_own(
    spool_dir: Path, journal: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler records while its thread writes a record."""
    written = journal()
    written.append(b"ws-1", event(1))
    real = Group.__init__
    handled: list[bytes] = []

    def interrupted(group: Group, report_of: Any) -> None:
        real(group, report_of)
        if written._busy and not handled:
            handled.append(event(99))
            written.append(b"ws-1", event(99))

    monkeypatch.setattr(Group, "__init__", interrupted)
    for seq in range(2, 10):
        written.append(b"ws-1", event(seq))
    assert handled
    assert {*spooled_events(spool_dir)} == {event(99), *(event(seq) for seq in range(1, 10))}


class Interrupted:
    """A mapping whose writer a signal handler interrupts, once."""

    def __init__(self, page: Any, handler: Callable[[], object]) -> None:
        self._map = page.map
        self._handlers = [handler]
        page.map = self

    def __getitem__(self, place: Any) -> Any:
        return self._map[place]

    def __setitem__(self, place: Any, content: bytes) -> None:
        while self._handlers:
            self._handlers.pop()()
        self._map[place] = content


def test_a_release_inside_an_append_loses_no_event(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    written.append(b"ws-1", event(1))
    Interrupted(written._page, written.release)
    written.append(b"ws-1", event(2))
    assert {*spooled_events(spool_dir)} == {event(1), event(2)}


def test_a_segment_that_is_given_away_is_cut(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    written.append(b"ws-1", event(1))
    taken = written.take()
    assert taken is not None
    assert (spool_dir / str(taken.name)).stat().st_size < 500
    assert written.take() is None


def test_groups_that_are_done_are_marked_and_a_segment_that_is_done_is_removed(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    groups = [written.append(b"ws-1", event(seq, 300)) for seq in range(1, 21)]
    for group in groups[4:8]:
        group.done()
    written.advance()
    assert spooled_events(spool_dir)[0] == event(1, 300)
    for group in groups[:4]:
        group.done()
    written.advance()
    assert spooled_events(spool_dir)[0] == event(9, 300)
    for group in groups[8:]:
        group.done()
    written.advance()
    assert spooled_events(spool_dir) == []
    written.release()
    assert segment_names(spool_dir) == []


def test_a_segment_that_is_done_stays_while_it_is_written_to(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    written.append(b"ws-1", event(1)).done()
    written.advance()
    written.append(b"ws-1", event(2))
    assert spooled_events(spool_dir) == [event(2)]


def test_what_is_not_done_is_released_sealed_and_cut(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    for seq in range(1, 4):
        written.append(b"ws-1", event(seq))
    written.release()
    [name] = segment_names(spool_dir)
    assert name.owner == NOBODY
    assert (spool_dir / str(name)).stat().st_size < 500
    segment = Segment.open(spool_dir, name)
    header = segment.header()
    assert header is not None
    assert (header.closed, header.sound, header.first_seq) == (True, True, 1)
    assert spooled_events(spool_dir) == [event(1), event(2), event(3)]


def test_events_are_refused_while_there_is_room_for_those_on_their_way(
    journal: Callable[..., Journal],
) -> None:
    trouble: list[Any] = []
    written = journal(limit=FAST_TUNING.segment_bytes, on_trouble=trouble.append)
    seq = 0
    while not any(trouble):
        written.append(b"ws-1", event(seq := seq + 1, 100))
    assert isinstance(trouble[-1], Full)
    assert "spool_max_bytes" in str(trouble[-1])
    for _ in range(FAST_TUNING.headroom_bytes // 200):  # they have their numbers already
        written.append(b"ws-1", event(seq := seq + 1, 100))
    with pytest.raises(Full):
        written.append(b"ws-1", event(seq, FAST_TUNING.headroom_bytes))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], Thread]:
    """Lets another thread begin something while the next segment is made."""
    real = Segment.create

    def let(work: Callable[[], object]) -> Thread:
        other = Thread(target=work)

        def create(spool_dir: Path, name: Name, size: int) -> Segment:
            monkeypatch.setattr(Segment, "create", real)
            other.start()
            other.join(0.2)  # it gets as far as it can
            return real(spool_dir, name, size)

        monkeypatch.setattr(Segment, "create", create)
        return other

    return let


def test_of_threads_that_make_a_segment_at_once_none_exceeds_the_bound(
    spool_dir: Path, meanwhile: Callable[..., Thread]
) -> None:
    directory, writer = Directory(spool_dir, FAST_TUNING.segment_bytes), new_origin()
    refused: list[Full] = []

    def other() -> None:
        try:
            directory.create(writer.name("events"), FAST_TUNING.segment_bytes)
        except Full as error:
            refused.append(error)

    thread = meanwhile(other)
    directory.create(writer.name("events"), FAST_TUNING.segment_bytes)
    thread.join()
    assert refused
    assert len(segment_names(spool_dir)) == 1


def test_who_needs_a_segment_while_one_is_made_waits_for_it(
    spool_dir: Path, journal: Callable[..., Journal], meanwhile: Callable[..., Thread]
) -> None:
    written = journal()
    written.append(b"ws-1", event(1, 2500))
    thread = meanwhile(lambda: written.append(b"ws-1", event(2, 2500)))
    written.prepare()
    thread.join()
    assert spooled_events(spool_dir) == [event(1, 2500), event(2, 2500)]
    assert len(segment_names(spool_dir)) == 2


def test_no_event_is_refused_while_the_segment_at_hand_has_room(
    journal: Callable[..., Journal],
) -> None:
    trouble: list[Any] = []
    written = journal(limit=FAST_TUNING.segment_bytes, on_trouble=trouble.append)
    written.append(b"ws-1", event(1))
    written.prepare()
    assert trouble == [None]


def test_what_was_made_ahead_is_given_back_once_no_event_waits(
    spool_dir: Path, journal: Callable[..., Journal]
) -> None:
    written = journal()
    written.append(b"ws-1", event(1))
    written.prepare()
    written.rest()
    assert len(segment_names(spool_dir)) == 2
    taken = written.take()
    assert taken is not None
    written.rest()
    assert segment_names(spool_dir) == [taken.name]


def test_a_segment_that_is_made_while_the_client_ends_is_not_left_behind(
    spool_dir: Path, journal: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler ends the client while its thread makes a segment ahead."""
    real, written = Segment.create, journal()

    def create(spool_dir: Path, name: Name, size: int) -> Segment:
        made = real(spool_dir, name, size)
        written.release()
        return made

    monkeypatch.setattr(Segment, "create", create)
    written.reserve()
    assert segment_names(spool_dir) == []


def test_room_that_comes_back_is_heard_of(spool_dir: Path, journal: Callable[..., Journal]) -> None:
    trouble: list[Any] = []
    written = journal(limit=2 * FAST_TUNING.segment_bytes, on_trouble=trouble.append)
    other = journal()
    other.append(b"ws-1", event(1))
    while not any(trouble):
        written.append(b"ws-1", event(1, 100))
    for page in other.segments():
        page.remove()
    written.prepare()
    assert trouble[-1] is None


def test_a_disk_that_cannot_be_written_is_no_full_disk(
    spool_dir: Path, journal: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segment, "create", _read_only)
    with pytest.raises(OSError, match="Read-only"):
        journal().append(b"ws-1", event(1))


def _read_only(*_: object) -> Segment:
    raise OSError(30, "Read-only file system")


def test_threads_append_side_by_side(spool_dir: Path, journal: Callable[..., Journal]) -> None:
    written = journal()

    def work(number: int) -> None:
        for seq in range(100):
            written.append(b"ws-1", event(number * 100 + seq, 20))

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(spooled_events(spool_dir)) == sorted(event(seq, 20) for seq in range(800))

"""Copies of a process that share an origin and a directory never replace each other's segments."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from eka_usage._spool.directory import Directory
from eka_usage._spool.segment import Segment
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import UNOWNED

from sdks.python.tests.programs import run_program
from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
    spooled_events,
)
from sdks.python.tests.support import NO_BROKER

PLENTY = 1 << 24


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A directory that a spool may use."""
    return open_directory(tmp_path / "spool")


def no_links(*_: object, **__: object) -> None:
    """Fails as a link does on a filesystem without links."""
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
def test_a_segment_never_gets_the_name_of_another(
    links: bool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    name = new_origin().name("events")
    segment = directory.create(name, 4096)
    other = directory.create(name._replace(owner=UNOWNED), 8192)
    assert not segment.transfer_to(UNOWNED)
    assert segment.is_own()
    assert sorted(path.stat().st_size for path in directory.path.iterdir()) == [4096, 8192]
    other.remove()
    assert segment.transfer_to(UNOWNED)
    assert segment_names(directory.path) == [name._replace(owner=UNOWNED)]


def test_of_two_that_rename_a_segment_at_once_one_succeeds(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_origin().name("events")
    first = directory.create(name, 4096)
    second = Segment.open(directory.handle, name)
    link = os.link
    taken: list[bool] = []

    def link_after_another(source: str, target: str, **places: Any) -> None:
        link(source, target, **places)
        if not taken:  # the other comes between the link and the removal of the old name
            taken.append(True)
            assert second.transfer_to("b" * 32)

    monkeypatch.setattr(os, "link", link_after_another)
    assert not first.transfer_to("a" * 32)
    assert segment_names(directory.path) == [name._replace(owner="b" * 32)]


def test_segment_logs_of_one_origin_keep_every_event(directory: Directory) -> None:
    one, other = new_origin(), new_origin()
    other.id = one.id
    logs = [SegmentLog(directory, origin, "events", FAST_TUNING) for origin in (one, other)]
    for seq in range(1, 200):
        for number, log in enumerate(logs):
            log.append(b"ws-1", event(seq, 200) + b"%d" % number)
    for log in logs:
        log.release()
    expected = [event(seq, 200) + b"%d" % number for seq in range(1, 200) for number in (0, 1)]
    assert sorted(spooled_events(directory.path)) == sorted(expected)


def test_restored_copies_that_are_not_reset_lose_nothing_on_a_shared_disk(tmp_path: Path) -> None:
    program = """
        from eka_usage import _shutdown_hooks, _spool_wiring
        _shutdown_hooks._after_fork.__code__ = (lambda: None).__code__
        small = {"segment_bytes": 1 << 14, "headroom_bytes": 1 << 12}
        _spool_wiring.TUNING = _spool_wiring.TUNING._replace(**small)
        client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=100)
        pause_before_fork()
        copies = []
        for number in range(6):
            copies.append(os.fork())
            if not copies[-1]:
                _shutdown_hooks.mark[0] = 1
                record(client, 300, f"copy-{number}")
                sys.exit()
        for copy in copies:
            assert os.waitpid(copy, 0)[1] == 0
    """
    spool_dir = tmp_path / "spool"
    variables = {"EKA_SPOOL": "durable", "EKA_SPOOL_DIR": str(spool_dir)}
    result = run_program(program, NO_BROKER, tmp_path, variables)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert len(set(spooled_events(spool_dir))) == 6 * 300

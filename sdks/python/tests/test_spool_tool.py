"""`python -m eka_usage.spool`, as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from eka_usage._spool.segment_log import SegmentLog
from eka_usage._spool.segment_name import DEAD, EVENTS, UNOWNED
from eka_usage._spool.tool import main

from sdks.python.tests.spool_support import (
    FAST_TUNING,
    event,
    new_origin,
    open_directory,
    segment_names,
    spooled_events,
)


@pytest.fixture
def spool_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool with one released event, and two dead letters whose owner is alive."""
    path = tmp_path / "spool"
    monkeypatch.setenv("EKA_SPOOL_DIR", str(path))
    directory = open_directory(path)
    writer = new_origin()
    released = SegmentLog(directory, writer, EVENTS, FAST_TUNING)
    released.append(b"ws-1", event(1))
    released.release()
    dead = SegmentLog(directory, writer, DEAD, FAST_TUNING)
    dead.append(b"ws-1", event(2))
    dead.append(b"ws-1", event(3))
    return path


def test_ls_lists_the_segments(spool_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines()[1:]]
    assert sorted((row[0], row[1]) for row in rows) == [("dead", "2"), ("events", "1")]
    assert "nobody" in printed


def test_verify_reports_what_is_damaged(
    spool_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify"]) == 0
    [name] = segment_names(spool_dir, "dead")
    path = spool_dir / str(name)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    content[270] ^= 1
    path.write_bytes(content)
    assert main(["verify"]) == 1
    assert "header is damaged" in (printed := capsys.readouterr().out)
    assert "2 damaged places" in printed


def test_show_prints_the_unacked_events(spool_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(segment_names(spool_dir, "dead")[0])]) == 0
    assert capfd.readouterr().out == "2 \n3 \n"


def test_show_exits_quietly_when_its_reader_closes_the_pipe(spool_dir: Path) -> None:
    command = [sys.executable, "-m", "eka_usage.spool", "--dir", str(spool_dir), "show"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (0, b"")


def test_replay_turns_dead_letters_into_events_that_any_client_may_adopt(spool_dir: Path) -> None:
    assert main(["replay"]) == 0
    assert segment_names(spool_dir, "dead") == []
    assert spooled_events(spool_dir) == [event(1), event(2), event(3)]
    assert {name.owner for name in segment_names(spool_dir)} == {UNOWNED}


def test_purge_removes_only_dead_letters_unless_segments_are_named(spool_dir: Path) -> None:
    assert main(["purge"]) == 0
    assert segment_names(spool_dir, "dead") == []
    assert spooled_events(spool_dir) == [event(1)]
    assert main(["purge", str(segment_names(spool_dir)[0])]) == 0
    assert segment_names(spool_dir) == []


def test_the_directory_of_this_user_in_a_shared_one_is_found(
    spool_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o775)
    spool_dir.rename(volume / f"eka-usage-{os.geteuid()}")
    assert main(["--dir", str(volume), "ls"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2


@pytest.mark.parametrize("arguments", [["--dir", "/no/such", "ls"], ["show", "events-1"]])
def test_a_missing_directory_or_segment_is_an_error(
    arguments: list[str], spool_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    stderr = capsys.readouterr().err
    assert "--dir" in stderr or "see ls" in stderr

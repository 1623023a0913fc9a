"""Nothing that another user of the machine can place is sent, trusted or waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.harness import CALL
from tests.e2e.reader import read_events
from tests.spool.planted import LAST_ORIGIN, plant, segment, segment_name, slow_segment
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not hasattr(os, "seteuid"), reason="there are no users")
_IS_ROOT = os.geteuid() == 0
_needs_root = pytest.mark.skipif(not _IS_ROOT, reason="only root can act as another user")
_OTHER = 4_000
_ENOUGH_FOR_TWO_SEGMENTS = 4_000
_MOST_MEMORY_KB = 600_000
# The search in a damaged segment took 6 s of processor time before it was bounded.
_MOST_PROCESSOR_SECONDS = 3.0


@contextmanager
def _other_user() -> Iterator[None]:
    """Does what is in the context as another user."""
    os.setegid(_OTHER)
    os.seteuid(_OTHER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def volume() -> Iterator[Path]:
    """A directory that every user may write, without the sticky bit."""
    with tempfile.TemporaryDirectory(prefix="eka-volume-") as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


@pytest.fixture
def identity() -> str:
    """A text that no other test has in its event ids."""
    return uuid.uuid4().hex


def _settings(broker: DevBroker, folder: Path) -> dict[str, Any]:
    return {"kafka_brokers": broker.bootstrap, "spool": "durable", "spool_dir": str(folder)}


def _await_replay(driver: Driver, events: int = 1) -> None:
    eventually(lambda: driver.request("stats")["replayed"] >= events, "nothing was replayed")


def _delivered(broker: DevBroker, identity: str) -> set[str]:
    """Returns what was appended to the identity in the ids of delivered events."""
    found = (event.event_id for event in read_events(broker.bootstrap))
    return {found_id.removeprefix(identity) for found_id in found if found_id.startswith(identity)}


@_needs_root
@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_directory_that_another_user_puts_in_its_place_is_not_used(
    language: str, broker: DevBroker, volume: Path, identity: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spool, away = volume / "spool", volume / "away"
    settings = _settings(broker, spool)
    content = segment("1" * 32, [f"{identity} forged"], broker.bootstrap)
    forged = spool / segment_name("1" * 32)
    with Driver(language) as driver:
        driver.request("new", settings=settings)
        driver.request("record", call=CALL)
        with _other_user():
            spool.rename(away)
            spool.mkdir(mode=0o700)
            forged.touch(mode=0o600)
            forged.write_bytes(content)
        plant(away, LAST_ORIGIN, f"{identity} real", broker.bootstrap)
        accepted = driver.request("record", call=CALL, times=_ENOUGH_FOR_TWO_SEGMENTS)["accepted"]
        assert len(accepted) == _ENOUGH_FOR_TWO_SEGMENTS
        _await_replay(driver)
        assert driver.request("flush", timeout=30_000)["queued"] == 0
        assert driver.request("shutdown")["undelivered"] == 0
        assert _delivered(broker, identity) == {" real"}
        assert list(spool.iterdir()) == [forged]
        # That of the other user counts as a shared volume, in which the next client has its own.
        driver.request("new", settings=settings)
        driver.request("record", call=CALL)
        assert driver.request("shutdown")["undelivered"] == 0
    assert _delivered(broker, identity) == {" real"}
    assert forged.read_bytes() == content
    lines = [line for line in capfd.readouterr().err.splitlines() if "may rename or remove" in line]
    assert [line.count(str(spool)) for line in lines] == [1, 1]
    assert "sticky bit" in lines[0]
    assert f"user {_OTHER}" in lines[1]


def _fifo(path: Path, _: bytes) -> None:
    os.mkfifo(path, 0o600)


def _sparse(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.truncate(path, 3 << 30)


def _link(path: Path, content: bytes) -> None:
    target = path.parent.parent / f"{path.name} target"
    target.write_bytes(content)
    path.symlink_to(target)


def _link_elsewhere(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    (path.parent.parent / f"{path.name} link").hardlink_to(path)


def _writable(mode: int) -> Callable[[Path, bytes], None]:
    def make(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return make


def _of_another_user(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.chown(path, _OTHER, _OTHER)


def _directory(path: Path, _: bytes) -> None:
    path.mkdir()


_PLANTED: Mapping[str, Callable[[Path, bytes], None]] = {
    "a pipe": _fifo,
    "a sparse file": _sparse,
    "a symbolic link": _link,
    "a link of a file elsewhere": _link_elsewhere,
    "a file that others may write": _writable(0o602),
    "a file that a group may write": _writable(0o620),
    "a directory": _directory,
} | ({"a file of another user": _of_another_user} if _IS_ROOT else {})


def _plant_all(folder: Path, identity: str, brokers: str) -> list[Path]:
    """Plants one file of each kind that looks like a segment, and returns their paths."""
    paths = []
    for number, (kind, make) in enumerate(_PLANTED.items(), start=1):
        origin = f"{number:032x}"
        path = folder / segment_name(origin)
        make(path, segment(origin, [f"{identity} {kind}"], brokers))
        if path.is_file() and not path.is_symlink() and "write" not in kind:
            path.chmod(0o600)
        paths.append(path)
    return paths


def _plant_terabyte(folder: Path) -> None:
    """Plants a dead letter that is larger than any spool, and takes no space."""
    path = folder / segment_name("d" * 32, kind="dead")
    path.touch(mode=0o600)
    os.truncate(path, 1 << 40)


def _statuses(paths: list[Path]) -> list[tuple[int, ...]]:
    found = (path.lstat() for path in paths)
    return [(each.st_ino, each.st_mode, each.st_size, each.st_mtime_ns) for each in found]


def _most_memory_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak)


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_file_that_is_not_a_segment_of_this_user_is_left_alone_and_stops_nothing(
    language: str,
    broker: DevBroker,
    tmp_path: Path,
    identity: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    paths = _plant_all(folder, identity, broker.bootstrap)
    _plant_terabyte(folder)
    before = _statuses(paths)
    real = partial(plant, folder, LAST_ORIGIN, brokers=broker.bootstrap)
    real(event_id=f"{identity} first")
    with Driver(language) as driver:
        driver.request("new", settings=_settings(broker, folder))
        assert len(driver.request("record", call=CALL)["accepted"]) == 1
        _await_replay(driver)
        real(event_id=f"{identity} second")  # it is found when all are looked at once more
        _await_replay(driver, 2)
        if Path("/proc/self/status").exists():
            assert _most_memory_kb(driver.pid) < _MOST_MEMORY_KB
        driver.request("shutdown")
    assert _delivered(broker, identity) == {" first", " second"}
    assert _statuses(paths) == before
    printed = capfd.readouterr().err
    assert [printed.count(path.name) for path in paths] == [1] * len(paths), printed


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_damaged_segment_takes_no_more_time_than_it_has_bytes(
    language: str, broker: DevBroker, tmp_path: Path, identity: str
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    origin = "1" * 32
    slow = folder / segment_name(origin)
    slow.touch(mode=0o600)
    slow.write_bytes(slow_segment(origin, broker.bootstrap))
    plant(folder, LAST_ORIGIN, f"{identity} real", broker.bootstrap)
    with Driver(language) as driver:
        driver.request("new", settings=_settings(broker, folder))
        _await_replay(driver)
        if Path("/proc/self/stat").exists():
            assert _processor_seconds(driver.pid) < _MOST_PROCESSOR_SECONDS
        driver.request("shutdown")
    assert _delivered(broker, identity) == {" real"}


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_segments_are_adopted_from_a_volume_that_was_mounted_with_fsgroup(
    language: str, broker: DevBroker, tmp_path: Path, identity: str
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    plant(folder, LAST_ORIGIN, f"{identity} real", broker.bootstrap, mode=0o660)
    folder.chmod(0o2770)
    with Driver(language) as driver:
        driver.request("new", settings=_settings(broker, folder))
        _await_replay(driver)
        driver.request("shutdown")
    assert _delivered(broker, identity) == {" real"}


def test_the_command_leaves_alone_what_is_not_a_segment_of_this_user(
    broker: DevBroker, tmp_path: Path, identity: str
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    paths = _plant_all(folder, identity, broker.bootstrap)
    _plant_terabyte(folder)
    before = _statuses(paths)
    plant(folder, LAST_ORIGIN, f"{identity} real", broker.bootstrap)
    names = [path.name for path in [*paths, folder / segment_name(LAST_ORIGIN)]]
    shown = _command(folder, "show")
    assert (shown.returncode, shown.stdout.count(identity)) == (0, 1)
    assert f"{identity} real" in shown.stdout
    assert _command(folder, "verify").returncode == 1
    assert "1 events to replay" in _command(folder, "replay", *names).stdout
    assert "0 events removed" in _command(folder, "purge").stdout
    assert _statuses(paths) == before


def _command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "eka_usage.spool", "--dir", str(folder), *arguments)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

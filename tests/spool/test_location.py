"""Every language chooses the same directory, since clients adopt each other's segments."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.drivers import COMMANDS, Driver, Fault
from tests.crash.harness import CALL
from tests.environment import variables

_ALL: Mapping[str, Sequence[Mapping[str, Any]]] = json.loads(
    Path(__file__).with_name("locations.json").read_text()
)
_CASES = _ALL["configured"]
# What the defaults depend on, as it is where a case does not set it.
_UNSET: Mapping[str, str] = {
    **dict.fromkeys(("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME", "TMPDIR"), ""),
    **variables(spool="", spool_dir=""),
}
_OTHER = 4_000
_NO_BROKER = "127.0.0.1:1"
_SEGMENT = f"events-{0xA1:032x}-{1:020d}-{1:06d}.{0xA1:032x}"


@cache
def _lacks_mounts() -> str:
    """Returns why this machine cannot mount; empty if it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare"
    command = ("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return "" if found.returncode == 0 else f"mounting needs rights: {found.stderr.strip()}"


def _own(parent: Path) -> Path:
    return parent / f"eka-usage-{os.geteuid()}"


def _directory(path: Path, mode: str, owner: str) -> None:
    path.mkdir(exist_ok=True)
    if owner == "other":
        os.chown(path, _OTHER, _OTHER)
    path.chmod(int(mode, 8))


def _lay(path: Path, case: Mapping[str, Any]) -> None:
    """Makes the directory of a case."""
    if "mode" not in case:
        return
    path.mkdir()
    for held in case.get("holds", []):
        if held == "segment":
            (path / _SEGMENT).touch(mode=0o600)
        elif held == "own":
            _directory(_own(path), case.get("own_mode", "0700"), case.get("own_owner", ""))
        elif held == "link":
            (path.parent / "elsewhere").mkdir(mode=0o700)
            _own(path).symlink_to(path.parent / "elsewhere")
        else:
            (path / held).mkdir()
    _directory(path, case["mode"], case.get("owner", ""))


def _spooled(path: Path) -> bool:
    """Reports whether a directory is private and holds what a client wrote."""
    return (
        path.is_dir()
        and stat.S_IMODE(path.stat().st_mode) & 0o777 == 0o700
        and any(
            file.name != _SEGMENT and file.name.startswith("events-") for file in path.iterdir()
        )
    )


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_spool_is_in_the_configured_directory_or_in_one_below(
    language: str, tmp_path: Path
) -> None:
    cases = [case for case in _CASES if os.geteuid() == 0 or "other" not in case.values()]
    with Driver(language) as driver:
        for number, case in enumerate(cases):
            path = tmp_path / str(number) / "spool"
            path.parent.mkdir()
            _lay(path, case)
            settings = {
                "kafka_brokers": _NO_BROKER,
                "spool": "durable",
                "spool_dir": str(path),
                "shutdown_timeout_ms": 0,
            }
            if case["chosen"] is None:
                with pytest.raises(Fault, match="eka-usage-"):
                    driver.request("new", settings=settings)
                continue
            driver.request("new", settings=settings)
            driver.request("record", call=CALL)
            chosen = [place for place in (path, _own(path)) if _spooled(place)]
            expected = path if case["chosen"] == "." else _own(path)
            assert chosen == [expected], case["name"]
            driver.request("shutdown")
    if left_out := len(_CASES) - len(cases):
        pytest.skip(f"only root makes directories of another user: {left_out} cases not run")


# How a volume is mounted at a folder, and where the spool is then: the volume itself, or one in it.
_VOLUMES: Mapping[str, tuple[str, str]] = {
    "root's, for every user": ("mode=0777", "own"),
    "another user's, with fsGroup": (f"mode=2775,uid={_OTHER},gid={_OTHER}", "own"),
    "given to this user": ("mode=0755", "."),
}


def _mounted(language: str, mount: str, **environment: str) -> Driver:
    """Starts a driver in a namespace of its own, in which a command has mounted something."""
    if reason := _lacks_mounts():
        pytest.skip(reason)
    prefix = ("unshare", "--mount", "sh", "-ec", f'{mount}; exec "$@"', "sh")
    return Driver(language, prefix=prefix, **environment)


@pytest.mark.parametrize("name", sorted(_VOLUMES))
@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_client_starts_again_on_a_mounted_volume(
    language: str, name: str, tmp_path: Path
) -> None:
    options, chosen = _VOLUMES[name]
    with _mounted(language, f"mount -t tmpfs -o {options} none {tmp_path}") as driver:
        settings = {
            "kafka_brokers": _NO_BROKER,
            "spool": "durable",
            "spool_dir": str(tmp_path),
            "shutdown_timeout_ms": 0,
        }
        volume = Path(f"/proc/{driver.pid}/root{tmp_path}")
        spool = volume if chosen == "." else _own(volume)
        for _ in range(2):
            driver.request("new", settings=settings)
            driver.request("record", call=CALL)
            assert _spooled(spool)
            driver.request("shutdown")
            spool.chmod(0o2770)  # as the kubelet does at each mount


def _lay_defaults(folder: Path) -> str:
    """Makes the directories of the cases, and returns the command that mounts the rest."""
    for name in ("state", "home", "other", "taken", "read-only"):
        (folder / name).mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder / "other", _OTHER, _OTHER)
        _directory(_own(folder / "taken"), "0700", "other")
    return f"mount -t tmpfs none /var/tmp; mount -t tmpfs -o ro none {folder}/read-only"


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_the_default_is_first_where_nobody_else_can_take_the_name(
    language: str, tmp_path: Path
) -> None:
    for number, case in enumerate(_ALL["defaults"]):
        if case.get("needs") == "root" and os.geteuid() != 0:
            continue
        folder = tmp_path / str(number)
        mounts = _lay_defaults(folder)
        given = {
            name: value.replace("@", f"{folder}/") for name, value in case["environment"].items()
        }
        with _mounted(language, mounts, **{**_UNSET, **given}) as driver:
            driver.request("new", settings={"kafka_brokers": _NO_BROKER, "spool": "durable"})
            driver.request("record", call=CALL)
            chosen = case["chosen"].replace("@", f"{folder}/")
            spool = _own(Path(f"/proc/{driver.pid}/root{chosen}"))
            assert _spooled(spool), case["name"]
            assert driver.request("stats")["spool_error"] == ""


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_a_read_only_var_tmp_falls_back_to_the_temporary_directory(
    language: str, tmp_path: Path
) -> None:
    mount = "mount -t tmpfs -o ro none /var/tmp"
    with _mounted(language, mount, **{**_UNSET, "TMPDIR": str(tmp_path)}) as driver:
        driver.request("new", settings={"kafka_brokers": _NO_BROKER, "spool": "durable"})
        driver.request("record", call=CALL)
        assert _spooled(_own(tmp_path))


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_without_a_temporary_directory_there_is_no_spool_and_one_warning(
    language: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mount = "mount -t tmpfs -o ro none /var/tmp"
    with _mounted(language, mount, **{**_UNSET, "TMPDIR": str(tmp_path / "none")}) as driver:
        driver.request("new", settings={"kafka_brokers": _NO_BROKER})
        assert len(driver.request("record", call=CALL)["accepted"]) == 1
        stats = driver.request("stats")
    [warning] = [line for line in capfd.readouterr().err.splitlines() if "no spool" in line]
    texts = (warning, stats["spool_error"])
    assert all(str(_own(tmp_path / "none")) in text for text in texts)
    assert all(str(_own(Path("/var/tmp"))) in text for text in texts)

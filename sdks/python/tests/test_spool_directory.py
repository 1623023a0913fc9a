"""The directory of the spool: who may use it, and the order of its segments."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from eka_usage._spool.directory import Directory, SpoolUnusableError

from sdks.python.tests.spool_support import new_origin

PLENTY = 1 << 20


def test_segments_are_listed_in_the_order_of_their_events(
    tmp_path: Path,
) -> None:
    directory, writer = Directory(tmp_path, PLENTY), new_origin()
    made = [
        directory.create(writer.name("events")._replace(first_seq=first_seq), 512).name
        for first_seq in (3, 9, 5)
    ]
    assert directory.names() == [made[0], made[2], made[1]]


def test_a_new_directory_is_accessible_to_its_user_alone(tmp_path: Path) -> None:
    Directory(tmp_path / "new", PLENTY).prepare()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def _missing_parent(path: Path) -> Path:
    return path / "none" / "spool"


def _file(path: Path) -> Path:
    (path / "file").touch()
    return path / "file"


def _link(path: Path) -> Path:
    (path / "real").mkdir(mode=0o700)
    (path / "link").symlink_to(path / "real")
    return path / "link"


def _open_to_all(path: Path) -> Path:
    (path / "open").mkdir()
    (path / "open").chmod(0o755)
    return path / "open"


@pytest.mark.parametrize("make", [_missing_parent, _file, _link, _open_to_all])
def test_a_path_that_is_not_a_private_directory_is_rejected(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    with pytest.raises(SpoolUnusableError):
        Directory(make(tmp_path), PLENTY).prepare()


def test_a_directory_of_another_user_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(SpoolUnusableError, match=f"belongs to user {me}"):
        Directory(tmp_path / "spool", PLENTY).prepare()

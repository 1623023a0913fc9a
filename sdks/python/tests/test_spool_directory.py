"""The directory of the spool: who may use it, and the order of its segments."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from eka_usage._spool import location
from eka_usage._spool.access import SpoolUnusableError
from eka_usage._spool.location import locate

from sdks.python.tests.spool_support import (
    new_origin,
    open_directory,
)


def test_segments_are_listed_in_the_order_of_their_events(
    tmp_path: Path,
) -> None:
    directory, writer = open_directory(tmp_path), new_origin()
    made = [
        directory.create(writer.name("events")._replace(first_seq=first_seq), 512).name
        for first_seq in (3, 9, 5)
    ]
    assert directory.names() == [made[0], made[2], made[1]]


def test_a_new_directory_is_accessible_to_its_user_alone(tmp_path: Path) -> None:
    locate(tmp_path / "new")
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


@pytest.mark.parametrize("make", [_missing_parent, _file, _link])
def test_a_path_that_is_not_a_directory_is_rejected(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    with pytest.raises(SpoolUnusableError):
        locate(make(tmp_path))


def test_a_default_directory_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    for number, name in enumerate(("_PRESERVED", "_TEMPORARY")):
        parent = tmp_path / str(number)
        (parent / f"eka-usage-{me + 1}").mkdir(mode=0o700, parents=True)
        monkeypatch.setattr(location, name, str(parent))
    for variable in ("TMPDIR", "STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SpoolUnusableError, match=f"belongs to user {me}.*belongs to user {me}"):
        locate(None)


def test_a_filesystem_that_ignores_the_mode_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    with pytest.raises(SpoolUnusableError, match="filesystem ignores chmod 700"):
        locate(tmp_path)

"""Chooses the directory of a spool: the configured one, one of its own in it, or a default."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .._generated.settings import CLIENT_NAME
from .access import OTHERS, PRIVATE, SpoolUnusableError, user
from .directory_handle import DirectoryHandle
from .segment_name import SegmentName

_PRESERVED = "/var/tmp"  # noqa: S108  only a directory in it that is this user's is used
_TEMPORARY = "/tmp"  # noqa: S108  likewise


def locate(configured: Path | None) -> DirectoryHandle:
    """Returns the directory of the spool, which exists and is this user's alone.

    Args:
        configured: a directory that is this user's, or a shared one such as a mounted volume, in
            which this user's is a directory of its own. By default the first that can be used.

    Raises:
        SpoolUnusableError: there is none; the text has the reasons.
    """
    if configured is not None:
        _create(configured)
        return _prepared(_own(configured) if _is_shared(configured) else configured)
    _make_state_directories()
    reasons: list[str] = []
    for path in _defaults():
        try:
            return _prepared(path)
        except SpoolUnusableError as error:
            reasons.append(str(error))
    raise SpoolUnusableError("; ".join(reasons))


def existing(configured: Path | None) -> Sequence[DirectoryHandle]:
    """Returns the directories of this user that `locate` may have returned before.

    Raises:
        SpoolUnusableError: there is none.
    """
    paths = _defaults() if configured is None else [configured, _own(configured)]
    found: list[DirectoryHandle] = []
    reasons: list[str] = []
    for path in paths:
        handle = DirectoryHandle(path)
        try:
            handle.check()
            found.append(handle)
        except SpoolUnusableError as error:
            reasons.append(str(error))
    if not found:
        raise SpoolUnusableError("; ".join(reasons))
    return found


def _defaults() -> Sequence[Path]:
    """Returns the default directories, first those where nobody else can take the name."""
    mine = filter(_is_mine, map(Path, (_state_directory(), _state_home(), *_home()[-1:])))
    shared = Path(_PRESERVED), Path(os.environ.get("TMPDIR") or _TEMPORARY)
    return [_own(parent) for parent in dict.fromkeys((*mine, *shared))]


def _state_directory() -> str:
    """Returns the directory that systemd made for the service; the first, if there are several."""
    return os.environ.get("STATE_DIRECTORY", "").partition(":")[0]


def _state_home() -> str:
    return os.environ.get("XDG_STATE_HOME", "")


def _home() -> Sequence[str]:
    """Returns the directories of the user's state in their home, the outer one first."""
    home = os.environ.get("HOME", "").rstrip("/")
    return [f"{home}/.local", f"{home}/.local/state"] if _is_mine(Path(home)) else []


def _make_state_directories() -> None:
    """Makes the directories of this user's state that are missing."""
    for path in map(Path, (_state_home(), *_home())):
        if _is_mine(path.parent):
            with suppress(OSError):  # it exists, or its filesystem is read-only
                path.mkdir(mode=PRIVATE)


def _is_mine(path: Path) -> bool:
    """Reports whether an absolute path is a directory that this user owns, except the root."""
    if not path.is_absolute() or path == path.parent:
        return False
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user()


def _own(parent: Path) -> Path:
    return parent / f"{CLIENT_NAME}-{user()}"


def _prepared(path: Path) -> DirectoryHandle:
    _create(path)
    handle = DirectoryHandle(path)
    handle.prepare()
    return handle


def _create(path: Path) -> None:
    """Creates a directory for this user alone, if nothing has its name.

    Raises:
        SpoolUnusableError: it cannot be created.
    """
    try:
        path.mkdir(mode=PRIVATE, exist_ok=True)
    except FileExistsError:  # a file, which the check of the directory rejects
        pass
    except OSError as error:
        text = f"{path}: {error.strerror}: create its parent, or choose another directory"
        raise SpoolUnusableError(text) from None


def _is_shared(path: Path) -> bool:
    """Reports whether a directory is not for this user alone, nor meant to be.

    One that others may enter, but not write, and that holds nothing but segments was a spool before
    its volume was mounted again, or is a new volume of this user's.
    """
    found = _status(path)
    if found.st_uid != user():
        return True
    if not found.st_mode & OTHERS:
        return False
    if found.st_mode & (stat.S_ISVTX | stat.S_IWOTH):
        return True
    try:
        return any(SegmentName.parse(entry.name) is None for entry in path.iterdir())
    except OSError as error:
        raise SpoolUnusableError(f"{path}: {error.strerror}") from None


def _status(path: Path) -> os.stat_result:
    """Returns the status of a directory, which may be another user's.

    Raises:
        SpoolUnusableError: it is missing, or not a directory.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise SpoolUnusableError(f"{path}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        text = "it must be a directory; symbolic links are not followed"
        raise SpoolUnusableError(f"{path}: {text}")
    return found

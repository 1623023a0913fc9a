"""Chooses the directory of a spool: the configured one, one of its own in it, or a default."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from .directory import Directory, SpoolUnusableError, create, status, user
from .segment_name import SegmentName

_UNLIMITED = 1 << 62
_PRESERVED = "/var/tmp"  # noqa: S108  only a directory in it that is this user's is used
_TEMPORARY = "/tmp"  # noqa: S108  likewise
_OTHERS = 0o077


def locate(configured: Path | None) -> Path:
    """Returns the directory of the spool, which exists and is this user's alone.

    Args:
        configured: a directory that is this user's, or a shared one such as a mounted volume, in
            which this user's is a directory of its own. By default the first that can be used.

    Raises:
        SpoolUnusableError: there is none; the text has the reasons.
    """
    if configured is not None:
        create(configured)
        return _prepared(_own(configured) if _is_shared(configured) else configured)
    reasons: list[str] = []
    for path in _defaults():
        try:
            return _prepared(path)
        except SpoolUnusableError as error:
            reasons.append(str(error))
    raise SpoolUnusableError("; ".join(reasons))


def existing(configured: Path | None) -> Sequence[Path]:
    """Returns the directories of this user that `locate` may have returned before.

    Raises:
        SpoolUnusableError: there is none.
    """
    paths = _defaults() if configured is None else [configured, _own(configured)]
    found: list[Path] = []
    reasons: list[str] = []
    for path in paths:
        try:
            Directory(path, _UNLIMITED).check()
            found.append(path)
        except SpoolUnusableError as error:
            reasons.append(str(error))
    if not found:
        raise SpoolUnusableError("; ".join(reasons))
    return found


def _defaults() -> Sequence[Path]:
    """Returns the default directories, first the one that outlives a restart of the machine."""
    parents = [_PRESERVED, os.environ.get("TMPDIR") or _TEMPORARY]
    return [_own(Path(parent)) for parent in dict.fromkeys(parents)]


def _own(parent: Path) -> Path:
    return parent / f"eka-usage-{user()}"


def _prepared(path: Path) -> Path:
    Directory(path, _UNLIMITED).prepare()
    return path


def _is_shared(path: Path) -> bool:
    """Reports whether a directory is not for this user alone, nor meant to be.

    One that others may enter, but not write, and that holds nothing but segments was a spool before
    its volume was mounted again, or is a new volume of this user's.
    """
    found = status(path)
    if found.st_uid != user():
        return True
    if not found.st_mode & _OTHERS:
        return False
    if found.st_mode & (stat.S_ISVTX | stat.S_IWOTH):
        return True
    try:
        return any(SegmentName.parse(entry.name) is None for entry in path.iterdir())
    except OSError as error:
        raise SpoolUnusableError(f"{path}: {error.strerror}") from None

"""Executes a plan; a run that is killed at any point leaves only complete files."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegen.plan import TEMPORARY, Change, Plan

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


def write(plan: Plan) -> None:
    """Writes and removes the plan's files, in its order; the manifest comes last."""
    for folder in plan.folders:
        for leftover in (plan.root / folder).glob(f".*{TEMPORARY}"):
            leftover.unlink(missing_ok=True)
    for change in plan.changes:
        if change.after is None:
            _remove(plan.root, change)
        else:
            path = plan.root / change.path
            _make_folder(path.parent, plan.root)
            write_file(path, change.after)


def write_file(path: Path, content: bytes) -> None:
    """Replaces a file at once; its permissions stay. Raises OSError, which names the file."""
    mode = path.stat().st_mode & 0o777 if path.exists() else _FILE_MODE
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        temporary.write_bytes(content)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            temporary.unlink(missing_ok=True)
        # write() has no file name to report, and the temporary one means nothing to people.
        raise type(failure)(failure.errno, failure.strerror, str(path)) from failure


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Waits until no other run writes below the root."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_folder(folder: Path, root: Path) -> None:
    """Creates a folder that everyone can read, whatever the umask."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    folder.mkdir(exist_ok=True)
    folder.chmod(_FOLDER_MODE)


def _remove(root: Path, change: Change) -> None:
    path = root / change.path
    path.unlink(missing_ok=True)
    folder = path.parent
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent

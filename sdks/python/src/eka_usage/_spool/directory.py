"""The directory of the spool: who may use it, its segments, and the disk space that they take."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .._interrupts import shared_lock
from .segment import Segment
from .segment_name import SegmentName

_PRIVATE = 0o700
_OTHERS = 0o077
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolUnusableError(Exception):
    """The directory cannot be used; the text is the reason."""


class SpoolFullError(Exception):
    """There is no room for one more segment; the text is the reason."""


class Directory:
    """A directory that belongs to one user, shared by processes of one machine.

    Args:
        path: created if it is missing; its parent must exist.
        limit: the bytes that all segments in it may take.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        # No other thread creates a segment between the check of the limit and this one.
        self._creating = shared_lock()

    def prepare(self) -> None:
        """Creates the directory if it is missing, and makes it this user's alone.

        Raises:
            SpoolUnusableError: it cannot be used.
        """
        create(self.path)
        self.check()
        if self.path.lstat().st_mode & _OTHERS:
            _make_private(self.path)
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise SpoolUnusableError(f"{self.path}: it must be writable")

    def check(self) -> None:
        """Checks that an existing directory is this user's.

        Raises:
            SpoolUnusableError: it is not.
        """
        _check_owner(self.path, status(self.path))

    def names(self) -> list[SegmentName]:
        """Returns its segments, those of one origin in their order."""
        found = filter(None, (SegmentName.parse(path.name) for path in self.path.iterdir()))
        return sorted(found, key=_begun)

    def create(self, name: SegmentName, size: int) -> Segment:
        """Creates one more segment.

        Raises:
            SpoolFullError: the limit is reached, or the disk is full.
            OSError: the directory cannot be written.
        """
        with self._creating:
            if self._used_bytes() + size > self._limit:
                raise SpoolFullError(
                    f"{self.path} has reached its limit of {self._limit} bytes; is Kafka reachable?"
                )
            try:
                return Segment.create(self.path, name, size)
            except OSError as error:
                if error.errno in _FULL:
                    raise SpoolFullError(f"{self.path}: {error.strerror}") from None
                raise

    def sync(self) -> None:
        """Waits until the disk has the names."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _used_bytes(self) -> int:
        used = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                if SegmentName.parse(entry.name) is not None:
                    try:
                        used += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:  # removed a moment ago
                        continue
        return used


def _begun(name: SegmentName) -> tuple[str, str, bool, int, int]:
    """Sorts segments by when they were begun, and preallocated ones last."""
    return name.origin, name.kind, name.first_seq == 0, name.first_seq, name.number


def create(path: Path) -> None:
    """Creates a directory for this user alone, if nothing has its name.

    Raises:
        SpoolUnusableError: it cannot be created.
    """
    try:
        path.mkdir(mode=_PRIVATE, exist_ok=True)
    except FileExistsError:  # a file, which the check of the directory rejects
        pass
    except OSError as error:
        text = f"{path}: {error.strerror}: create its parent, or choose another directory"
        raise SpoolUnusableError(text) from None


def status(path: Path) -> os.stat_result:
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


def user() -> int:
    """Returns the user of this process.

    Raises:
        SpoolUnusableError: the system has no such notion.
    """
    if not hasattr(os, "getuid"):
        raise SpoolUnusableError("this system does not report the owner of a directory")
    return os.geteuid()


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != user():
        text = f"it belongs to user {found.st_uid}, and this process runs as user {user()}"
        raise SpoolUnusableError(f"{path}: {text}")


def _make_private(path: Path) -> None:
    """Takes the rights of other users away, which a mounted volume may have given to them."""
    try:
        # By descriptor: in a shared directory, another user may replace what has this name.
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _check_owner(path, os.fstat(fd))
            os.fchmod(fd, _PRIVATE)
            is_private = not os.fstat(fd).st_mode & _OTHERS
        finally:
            os.close(fd)
    except OSError as error:
        text = f"users other than its owner may enter it, and chmod 700 fails: {error.strerror}"
        raise SpoolUnusableError(f"{path}: {text}") from None
    if not is_private:
        text = "users other than its owner may enter it, and its filesystem ignores chmod 700"
        raise SpoolUnusableError(f"{path}: {text}")

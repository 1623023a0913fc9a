"""The directory of the spool: who may use it, its segments, and the disk space that they take."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

from .segment import Segment
from .segment_name import SegmentName

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
        self._creating = threading.RLock()

    def prepare(self) -> None:
        """Creates the directory if it is missing, and checks that it may be used.

        Raises:
            SpoolUnusableError: it may not.
        """
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            text = f"{error.strerror}: create its parent, or choose another directory"
            raise SpoolUnusableError(text) from None
        self.check()

    def check(self) -> None:
        """Checks that an existing directory may be used.

        Raises:
            SpoolUnusableError: it may not.
        """
        try:
            found = self.path.lstat()
        except OSError as error:
            raise SpoolUnusableError(str(error.strerror)) from None
        if not stat.S_ISDIR(found.st_mode):
            raise SpoolUnusableError("it must be a directory; symbolic links are not followed")
        if found.st_uid != _user():
            text = f"it belongs to user {found.st_uid}, and this process runs as user {_user()}"
            raise SpoolUnusableError(text)
        if found.st_mode & 0o077:
            raise SpoolUnusableError("users other than its owner may enter it: chmod 700")
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise SpoolUnusableError("it must be writable")

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
                    f"{self.path} takes the {self._limit} bytes that spool_max_bytes allows"
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


def default_path() -> Path:
    """Returns the default directory: it outlives a restart of the machine where one can."""
    lasting = Path("/var/tmp")  # noqa: S108  only a directory in it that is this user's is used
    if not lasting.is_dir():
        import tempfile  # few need it, and importing it takes time

        lasting = Path(tempfile.gettempdir())
    return lasting / f"eka-usage-{_user()}"


def _user() -> int:
    if not hasattr(os, "getuid"):
        raise SpoolUnusableError("this system does not report the owner of a directory")
    return os.geteuid()

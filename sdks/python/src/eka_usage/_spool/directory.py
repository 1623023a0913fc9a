"""The folder of the spool: who may use it, what is in it, and how much of the disk it takes."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

from .segment import Segment
from .segment_name import SegmentName

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Unusable(Exception):
    """The folder cannot be used; says why."""


class Full(Exception):
    """One more segment does not fit; says why."""


class Directory:
    """A folder that is this user's alone, shared by processes of one machine.

    Args:
        path: the folder, made where it is missing; its parent must be there.
        limit: the bytes that all segments in it may take.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        # Between the look at the limit and the segment no other thread makes one.
        self._making = threading.RLock()

    def prepare(self) -> None:
        """Makes the folder, or sees whether it may be used.

        Raises:
            Unusable: it may not.
        """
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unusable(f"{error.strerror}: make its parent, or name another folder") from None
        self.usable()

    def usable(self) -> None:
        """Sees whether a folder that is there may be used.

        Raises:
            Unusable: it may not.
        """
        try:
            found = self.path.lstat()
        except OSError as error:
            raise Unusable(str(error.strerror)) from None
        if not stat.S_ISDIR(found.st_mode):
            raise Unusable("it is no folder; symbolic links are not followed")
        if found.st_uid != _user():
            raise Unusable(f"it belongs to user {found.st_uid}, and this is user {_user()}")
        if found.st_mode & 0o077:
            raise Unusable("others than its owner may enter it: chmod 700")
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise Unusable("it cannot be written")

    def names(self) -> list[SegmentName]:
        """The segments in it, those of one origin in their order."""
        found = filter(None, (SegmentName.parse(path.name) for path in self.path.iterdir()))
        return sorted(found, key=_begun)

    def create(self, name: SegmentName, size: int) -> Segment:
        """Makes one more segment.

        Raises:
            Full: the limit, or the disk, has no room for it.
            OSError: the folder cannot be written.
        """
        with self._making:
            if self._taken() + size > self._limit:
                raise Full(f"{self.path} takes the {self._limit} bytes that spool_max_bytes allows")
            try:
                return Segment.create(self.path, name, size)
            except OSError as error:
                if error.errno in _FULL:
                    raise Full(f"{self.path}: {error.strerror}") from None
                raise

    def sync(self) -> None:
        """Waits until the disk knows the names."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _taken(self) -> int:
        taken = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                if SegmentName.parse(entry.name) is not None:
                    try:
                        taken += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:  # removed a moment ago
                        continue
        return taken


def _begun(name: SegmentName) -> tuple[str, str, bool, int, int]:
    """Sorts what was made ahead by when it was begun, and last what was not begun yet."""
    return name.origin, name.kind, name.first_seq == 0, name.first_seq, name.number


def default_path() -> Path:
    """The folder where none is given: it outlives a restart of the machine where one can."""
    lasting = Path("/var/tmp")  # noqa: S108  the folder in it is this user's alone, or not used
    if not lasting.is_dir():
        import tempfile  # few need it, and importing it takes time

        lasting = Path(tempfile.gettempdir())
    return lasting / f"eka-usage-{_user()}"


def _user() -> int:
    if not hasattr(os, "getuid"):
        raise Unusable("this system does not say whose a folder is")
    return os.geteuid()

"""The segments of a directory, and the disk space that they may take."""

from __future__ import annotations

import errno
from pathlib import Path

from .._interrupts import shared_lock
from .access import used_bytes
from .directory_handle import DirectoryHandle
from .segment import Segment
from .segment_name import SegmentName

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolFullError(Exception):
    """There is no room for one more segment; the text is the reason."""


class Directory:
    """A directory that belongs to one user, shared by processes of one machine.

    Args:
        handle: opens its files.
        limit: the bytes that all segments in it may take.
    """

    def __init__(self, handle: DirectoryHandle, limit: int) -> None:
        self.handle = handle
        self._limit = limit
        # No other thread creates a segment between the check of the limit and this one.
        self._creating = shared_lock()

    @property
    def path(self) -> Path:
        """Where it is, or was when it was opened."""
        return self.handle.path

    def names(self) -> list[SegmentName]:
        """Returns its segments, those of one origin in their order."""
        return sorted(filter(None, map(SegmentName.parse, self.handle.names())), key=_begun)

    def create(self, name: SegmentName, size: int) -> Segment:
        """Creates one more segment.

        Raises:
            SpoolFullError: the limit is reached, or the disk is full.
            OSError: the directory cannot be written.
        """
        with self._creating:
            if self._used_or_none() + size > self._limit:
                raise SpoolFullError(
                    f"{self.path} has reached its limit of {self._limit} bytes; is Kafka reachable?"
                )
            try:
                return Segment.create(self.handle, name, size)
            except OSError as error:
                if error.errno in _FULL:
                    raise SpoolFullError(f"{self.path}: {error.strerror}") from None
                raise

    def _used_or_none(self) -> int:
        """Returns the disk space that its segments take: none if it was removed."""
        try:
            return self.used_bytes()
        except FileNotFoundError:
            return 0

    def used_share(self) -> float:
        """Returns how much of the limit its segments take, also those of other processes."""
        return self.used_bytes() / self._limit

    def sync(self) -> None:
        """Waits until the disk has the names."""
        self.handle.sync()

    def close(self) -> None:
        """Closes its descriptor; a later call opens it again."""
        self.handle.close()

    def used_bytes(self) -> int:
        """Returns the disk space that its segments take, also those of other processes."""
        return sum(
            used_bytes(found)
            for name, found in self.handle.statuses().items()
            if SegmentName.parse(name) is not None
        )


def _begun(name: SegmentName) -> tuple[str, str, bool, int, int]:
    """Sorts segments by when they were begun, and preallocated ones last."""
    return name.origin, name.kind, name.first_seq == 0, name.first_seq, name.number

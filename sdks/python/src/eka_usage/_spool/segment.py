"""One segment that this client owns: what its owner may do to the file."""

from __future__ import annotations

import os
import threading
from mmap import mmap
from pathlib import Path
from typing import Final

from .._generated.spool import HEADER_BYTES
from .header import ACKED_AT, CLOSED, CLOSED_AT, HEARTBEAT_AT, NUMBER, Header
from .record import Damage, Record, read_records, unacked_start
from .segment_name import SegmentName

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Segment:
    """An open file and its name, which ends in the owner's origin."""

    def __init__(self, folder: Path, name: SegmentName, fd: int) -> None:
        self.name = name
        self._folder = folder
        self._fd = fd
        # While one thread marks or reads it another may close it, and open a file of its number.
        self._using = threading.RLock()

    @classmethod
    def open(cls, folder: Path, name: SegmentName, *, write: bool = True) -> Segment:
        """Opens a segment that is there.

        Raises:
            OSError: it is not, or may not be opened.
        """
        mode = os.O_RDWR if write else os.O_RDONLY
        return cls(folder, name, os.open(folder / str(name), mode | _NO_LINK))

    @classmethod
    def create(cls, folder: Path, name: SegmentName, size: int) -> Segment:
        """Makes a segment and reserves its blocks, so that writing into it cannot fail.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        path = folder / str(name)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
        try:
            _reserve(fd, size)
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return cls(folder, name, fd)

    def header(self) -> Header | None:
        """What it says of itself; None where nothing was written yet."""
        with self._using:
            return Header.unpack(os.pread(self._fd, HEADER_BYTES, 0))

    def read(self) -> list[Record | Damage]:
        """What is in it and not done yet."""
        content = b"".join(iter(lambda: os.read(self._fd, 1 << 20), b""))
        os.lseek(self._fd, 0, os.SEEK_SET)
        header = Header.unpack(content)
        found = list(read_records(content, self.name.origin))
        start = 0 if header is None else unacked_start(header.acked, found)
        return [item for item in found if item.start >= start]

    def map(self, size: int) -> mmap:
        """Its bytes, for its writer."""
        return mmap(self._fd, size)

    def begin(self, header: Header) -> None:
        """Writes the part of the header that never changes, and no byte after it."""
        os.pwrite(self._fd, header.pack(), 0)

    def beat(self) -> None:
        """Shows that its owner is alive."""
        with self._using:
            if self._fd >= 0:
                os.pwrite(self._fd, NUMBER.pack(self.heartbeat() + 1), HEARTBEAT_AT)

    def heartbeat(self) -> int:
        """The counter that its owner moves."""
        content = os.pread(self._fd, NUMBER.size, HEARTBEAT_AT)
        return int.from_bytes(content, "little")

    def ack(self, offset: int) -> None:
        """Marks what is before this offset as done."""
        with self._using:
            if self._fd >= 0:
                os.pwrite(self._fd, NUMBER.pack(offset), ACKED_AT)

    def end_appends(self) -> None:
        """Lets nobody append any more, for ever."""
        os.pwrite(self._fd, CLOSED, CLOSED_AT)

    def cut(self, size: int) -> None:
        """Gives back the blocks that no record takes."""
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """Waits until the disk has what was written."""
        with self._using:
            if self._fd >= 0:
                _fdatasync(self._fd)

    def hand_to(self, owner: str) -> bool:
        """Gives it another owner; False where somebody else took it before."""
        return self.rename(self.name._replace(owner=owner))

    def number_from(self, first_seq: int) -> bool:
        """Names it after its first event; False where somebody else took it before."""
        return self.rename(self.name._replace(first_seq=first_seq))

    def is_mine(self) -> bool:
        """Whether it still has this name."""
        return (self._folder / str(self.name)).exists()

    def remove(self) -> None:
        """Unlinks it; that somebody else took it before is no error."""
        (self._folder / str(self.name)).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Forgets the file; it stays where it is."""
        with self._using:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        self.close()

    def rename(self, name: SegmentName) -> bool:
        """Gives it this name; False where somebody else took it before."""
        try:
            (self._folder / str(self.name)).rename(self._folder / str(name))
        except FileNotFoundError:
            return False
        self.name = name
        return True


def _reserve(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    zeros = bytes(1 << 16)
    for place in range(0, size, len(zeros)):
        os.pwrite(fd, zeros[: size - place], place)

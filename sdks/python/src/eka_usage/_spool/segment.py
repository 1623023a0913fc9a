"""One file of the spool: what its owner does to it, and what an adopter does."""

from __future__ import annotations

import os
from contextlib import suppress
from mmap import mmap

from .._generated.spool import HEADER_BYTES, SEGMENT_BYTES
from .._interrupts import shared_lock
from .directory_handle import DirectoryHandle
from .header import ACKED_AT, FENCED, FENCED_AT, HEARTBEAT_AT, NUMBER, Header
from .record import Damage, Record, read_records, unacked_start
from .segment_name import SegmentName

_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Segment:
    """An open file and its name, which ends with the origin of its owner."""

    def __init__(self, directory: DirectoryHandle, name: SegmentName, fd: int) -> None:
        self.name = name
        self._directory = directory
        self._fd = fd
        # While one thread uses the descriptor another may close it, and open a file of its number.
        self._using = shared_lock()
        # Whether this process has removed the file itself.
        self._is_dropped = False

    @classmethod
    def open(cls, directory: DirectoryHandle, name: SegmentName, *, write: bool = True) -> Segment:
        """Opens an existing segment.

        Raises:
            UntrustedFileError: another user may have placed or changed it, or it is no segment.
            OSError: it does not exist, or may not be opened.
        """
        mode = os.O_RDWR if write else os.O_RDONLY
        return cls(directory, name, directory.open_segment(name, mode))

    @classmethod
    def create(cls, directory: DirectoryHandle, name: SegmentName, size: int) -> Segment:
        """Creates a segment and reserves its blocks, so that writing into it cannot fail.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        return cls(directory, name, _create(directory, name, size))

    def header(self) -> Header | None:
        """Returns its header; None if nothing was written yet."""
        with self._using:
            return Header.unpack(os.pread(self._fd, HEADER_BYTES, 0))

    def read(self) -> list[Record | Damage]:
        """Returns the records that are not acknowledged, and damaged places between them."""
        content = _read(self._fd, SEGMENT_BYTES)  # it may have grown since it was opened
        header = Header.unpack(content)
        found = list(read_records(content, self.name.origin))
        start = 0 if header is None else unacked_start(header.acked_offset, found)
        return [item for item in found if item.start >= start]

    def is_removed(self) -> bool:
        """Reports whether its file was removed by somebody who did not deliver what it holds.

        A client that adopts it fences it first, and has marked all of it as acknowledged before it
        removes it.
        """
        with self._using:
            if self._fd < 0 or self._is_dropped or os.fstat(self._fd).st_nlink:
                return False
            is_fenced = os.pread(self._fd, len(FENCED), FENCED_AT) == FENCED
            return not is_fenced or any(isinstance(item, Record) for item in self.read())

    def restore(self) -> bool:
        """Writes it anew under its name if its file was removed, and returns whether it was.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        with self._using:
            if not self.is_removed():
                return False
            content = _read(self._fd, SEGMENT_BYTES)
            fd = _create(self._directory, self.name, len(content))
            try:
                os.pwrite(fd, content, 0)
            except BaseException:
                os.close(fd)
                _unlink(self._directory, self.name)
                raise
            os.close(self._fd)
            self._fd = fd
            return True

    def size(self) -> int:
        """Returns its length in bytes."""
        return os.fstat(self._fd).st_size

    def map(self, size: int) -> mmap:
        """Returns its bytes, for its writer."""
        return mmap(self._fd, size)

    def write_header(self, header: Header) -> None:
        """Writes the bytes of the header that never change, and no byte after them."""
        os.pwrite(self._fd, header.pack(), 0)

    def beat(self) -> None:
        """Increments the heartbeat, which shows that its owner is alive."""
        with self._using:
            if self._fd >= 0:
                os.pwrite(self._fd, NUMBER.pack(self.heartbeat() + 1), HEARTBEAT_AT)

    def heartbeat(self) -> int:
        """Returns the counter that its owner increments."""
        content = os.pread(self._fd, NUMBER.size, HEARTBEAT_AT)
        return int.from_bytes(content, "little")

    def write_acked_offset(self, offset: int) -> None:
        """Marks what precedes this offset as acknowledged."""
        with self._using:
            if self._fd >= 0:
                os.pwrite(self._fd, NUMBER.pack(offset), ACKED_AT)

    def fence(self) -> None:
        """Takes the right to append away from every process, permanently."""
        os.pwrite(self._fd, FENCED, FENCED_AT)

    def truncate(self, size: int) -> None:
        """Frees the blocks that no record occupies."""
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        """Waits until the disk has what was written."""
        with self._using:
            if self._fd < 0:
                return
            fd = os.dup(self._fd)
        try:
            _fdatasync(fd)  # takes milliseconds, in which others need the lock
        finally:
            os.close(fd)

    def transfer_to(self, owner: str) -> bool:
        """Changes its owner; False if another process has renamed it before."""
        return self.rename(self.name._replace(owner=owner))

    def number_from(self, first_seq: int) -> bool:
        """Names it after its first event; False if another process has renamed it before."""
        return self.rename(self.name._replace(first_seq=first_seq))

    def is_own(self) -> bool:
        """Reports whether it belongs to this process: it has this name, or was removed."""
        with self._using:
            try:
                self._directory.status(self.name)
            except FileNotFoundError:
                return self.is_removed()
            return True

    def remove(self) -> None:
        """Unlinks and closes it; it may have been renamed or removed before."""
        with self._using:
            self._is_dropped = True
            _unlink(self._directory, self.name)
            self.close()

    def close(self) -> None:
        """Closes the descriptor; the file stays where it is."""
        with self._using:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        # Without the lock: nobody else has a reference, and in a forked child a thread that is not
        # there may hold it.
        if self._fd >= 0:
            os.close(self._fd)

    def rename(self, name: SegmentName) -> bool:
        """Renames it; False if another process has renamed it before, or has a file of that name.

        A rename would replace that file, which a copy of this process may have written: a link
        does not.
        """
        if name == self.name:
            return self.is_own()
        try:
            self._directory.link(self.name, name)
        except (FileNotFoundError, FileExistsError):
            return False
        except OSError:  # a filesystem without links
            return self._replace(name)
        try:
            self._directory.unlink(self.name)
        except OSError as error:
            _unlink(self._directory, name)
            if isinstance(error, FileNotFoundError):  # another process was first
                return False
            raise
        self.name = name
        return True

    def _replace(self, name: SegmentName) -> bool:
        with suppress(FileNotFoundError):
            self._directory.status(name)
            return False
        try:
            self._directory.rename(self.name, name)
        except FileNotFoundError:
            return False
        self.name = name
        return True


def _create(directory: DirectoryHandle, name: SegmentName, size: int) -> int:
    """Returns a descriptor of a new file whose blocks are reserved."""
    fd = directory.create_file(name)
    try:
        _reserve(fd, size)
    except BaseException:
        os.close(fd)
        _unlink(directory, name)
        raise
    return fd


def _unlink(directory: DirectoryHandle, name: SegmentName) -> None:
    with suppress(FileNotFoundError):
        directory.unlink(name)


def _read(fd: int, limit: int) -> bytes:
    """Returns the content of a file, as far as the limit."""
    content = b""
    while len(content) < limit:
        more = os.pread(fd, limit - len(content), len(content))
        if not more:
            break
        content += more
    return content


def _reserve(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    zeros = bytes(1 << 16)
    for place in range(0, size, len(zeros)):
        os.pwrite(fd, zeros[: size - place], place)

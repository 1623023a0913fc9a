"""A directory that is held open, so that its files are reached whatever has its name by now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .._generated.settings import ENV_PREFIX
from .._interrupts import shared_lock
from .access import (
    OTHERS,
    PRIVATE,
    SpoolUnusableError,
    UntrustedFileError,
    check_owner,
    check_segment,
    make_segment_private,
    who_may_replace,
)
from .segment_name import SegmentName

_CLOSED = -1
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# A pipe with a segment's name would block whoever opens it.
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# Another process may rename a file while its names are counted.
_LOOKS = 3
# What opening a symbolic link, a directory or a socket fails with.
_NOT_REGULAR = frozenset({errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO})


class DirectoryHandle:
    """Opens, names and removes the files of a directory, by its descriptor.

    It is opened when it is first needed, and again after it was closed, but never as another
    directory than before, unless that was removed.

    Args:
        path: where it is at first.
        source: a handle of the same directory to open it from, which may be another process's.

    Attributes:
        descriptor: the open one, or -1.
        identity: what it was when it was opened first.
    """

    def __init__(self, path: Path, source: DirectoryHandle | None = None) -> None:
        self.path = path
        self._source = source
        self.identity: tuple[int, ...] | None = None if source is None else source.identity
        self.descriptor = _CLOSED
        # While one thread uses the descriptor another may close it, and open a file of its number.
        self._using = shared_lock()

    def renewed(self) -> DirectoryHandle:
        """Returns a handle with a descriptor and a lock of its own, in a copied process too."""
        return DirectoryHandle(self.path, self)

    def prepare(self) -> None:
        """Makes the directory this user's alone.

        Raises:
            SpoolUnusableError: it cannot be used.
        """
        self.check()
        with self._using:
            self._make_private()
            if not _is_usable(self._opened()):
                raise SpoolUnusableError(f"{self.path}: it must be writable")

    def check(self) -> None:
        """Checks that it exists and is this user's.

        Raises:
            SpoolUnusableError: it is not.
        """
        try:
            with self._using:
                check_owner(self.path, os.fstat(self._opened()))
        except OSError as error:
            text = error.strerror
            if error.errno in {errno.ENOTDIR, errno.ELOOP, errno.EMLINK}:
                text = "it must be a directory; symbolic links are not followed"
            raise SpoolUnusableError(f"{self.path}: {text}") from None

    def warning(self) -> str | None:
        """Returns what other users can do to the directory itself; None for nothing."""
        with self._using:
            parent = os.stat("..", dir_fd=self._opened())
        why = who_may_replace(parent)
        if why is None:
            return None
        return (
            f"other users may rename or remove {self.path}, and with it events that are not"
            f" delivered, as its parent {why}; set {ENV_PREFIX}SPOOL_DIR to a directory in another"
            " one, or accept it: they cannot read or add events"
        )

    def names(self) -> list[str]:
        """Returns the names of its files.

        Raises:
            OSError: it cannot be read.
        """
        with self._entries() as entries:
            return [entry.name for entry in entries]

    def statuses(self) -> dict[str, os.stat_result]:
        """Returns the status of each file by its name.

        Raises:
            OSError: it cannot be read.
        """
        found: dict[str, os.stat_result] = {}
        with self._entries() as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # removed a moment ago
                    found[entry.name] = entry.stat(follow_symlinks=False)
        return found

    def status(self, name: object) -> os.stat_result:
        """Returns the status of a file, or of a link itself.

        Raises:
            OSError: it does not exist.
        """
        with self._using:
            return os.stat(str(name), dir_fd=self._opened(), follow_symlinks=False)

    def open_file(self, name: object, flags: int, mode: int = 0o600) -> int:
        """Returns a descriptor of a file, which is never waited for.

        Raises:
            OSError: it cannot be opened.
        """
        with self._using:
            return os.open(str(name), flags | _FILE, mode, dir_fd=self._opened())

    def create_file(self, name: object) -> int:
        """Returns a descriptor of a new file, and makes the directory again if it was removed.

        Raises:
            FileExistsError: a file has the name.
            OSError: it cannot be created.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            return self.open_file(name, flags)
        except FileNotFoundError:
            self._make_again()
            return self.open_file(name, flags)

    def open_segment(self, name: object, flags: int) -> int:
        """Returns a descriptor of a file that only this user can have written.

        Raises:
            UntrustedFileError: it is another file.
            OSError: it cannot be opened.
        """
        try:
            fd = self.open_file(name, flags)
        except OSError as error:
            if error.errno in _NOT_REGULAR:
                raise UntrustedFileError("it is not a regular file") from None
            raise
        try:
            check_segment(os.fstat(fd))
            self._check_links(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def link(self, source: object, target: object) -> None:
        """Gives a file a second name.

        Raises:
            OSError: it does not exist, the name does, or the filesystem has no links.
        """
        with self._using:
            fd = self._opened()
            os.link(str(source), str(target), src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)

    def rename(self, source: object, target: object) -> None:
        """Changes the name of a file, and replaces one that has the name.

        Raises:
            OSError: it does not exist.
        """
        with self._using:
            fd = self._opened()
            os.rename(str(source), str(target), src_dir_fd=fd, dst_dir_fd=fd)

    def unlink(self, name: object) -> None:
        """Removes a name.

        Raises:
            OSError: it does not exist.
        """
        with self._using:
            os.unlink(str(name), dir_fd=self._opened())

    def sync(self) -> None:
        """Waits until the disk has the names."""
        with self._using:
            fd = os.dup(self._opened())
        try:
            os.fsync(fd)  # takes milliseconds, in which others need the lock
        finally:
            os.close(fd)

    def close(self) -> None:
        """Closes the descriptor, until the next call that needs one."""
        with self._using:
            fd, self.descriptor = self.descriptor, _CLOSED
            if fd != _CLOSED:
                os.close(fd)

    def __del__(self) -> None:
        # Without the lock: nobody else has a reference, and in a forked child a thread that is not
        # there may hold it.
        if self.descriptor != _CLOSED:
            os.close(self.descriptor)

    def _opened(self) -> int:
        if self.descriptor == _CLOSED:
            source = _CLOSED if self._source is None else self._source.descriptor
            if source == _CLOSED:
                fd = os.open(self.path, _DIRECTORY)
            else:
                fd = os.open(".", _DIRECTORY, dir_fd=source)
            try:
                self._identify(os.fstat(fd))
            except BaseException:
                os.close(fd)
                raise
            self.descriptor = fd
        return self.descriptor

    def is_in_place(self) -> bool:
        """Reports whether its path still leads to it."""
        try:
            found = self.path.lstat()
            with self._using:
                return os.path.samestat(found, os.fstat(self._opened()))
        except OSError:
            return False

    def _make_again(self) -> None:
        """Replaces a directory that was removed by a new one, which passes the same checks.

        Raises:
            OSError: it was not removed, or cannot be made.
        """
        with self._using:
            if os.fstat(self._opened()).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "no such file", str(self.path))
            again = DirectoryHandle(self.path)
            try:
                with suppress(FileExistsError):  # what else has the name is rejected next
                    self.path.mkdir(mode=PRIVATE)
                again.prepare()
            except SpoolUnusableError as error:
                text = f"the directory was removed, and another cannot be used: {error}"
                raise OSError(errno.ENOENT, text) from None
            except OSError as error:
                text = f"the directory was removed, and cannot be made again: {error.strerror}"
                raise OSError(error.errno, text) from None
            self.close()
            self._source = None
            self.identity = again.identity
            self.descriptor, again.descriptor = again.descriptor, _CLOSED

    @contextmanager
    def _entries(self) -> Generator[Iterator[os.DirEntry[str]]]:
        with self._using:
            # Descriptors that were copied share the position of whoever reads.
            fd = os.open(".", _DIRECTORY, dir_fd=self._opened())
        try:
            with os.scandir(fd) as entries:
                yield entries
        finally:
            os.close(fd)

    def _identify(self, found: os.stat_result) -> None:
        identity = found.st_dev, found.st_ino, found.st_uid
        if self.identity is None:
            self.identity = identity
        elif self.identity != identity:
            raise OSError(errno.ESTALE, "it was renamed, and another directory has its name")

    def _check_links(self, fd: int) -> None:
        """Checks that a file has no names but here, of which a crash during a rename leaves two."""
        for _ in range(_LOOKS):
            found = os.fstat(fd)
            if found.st_nlink <= 1 or self._names_of(found) >= os.fstat(fd).st_nlink:
                return
        raise UntrustedFileError("it has a link outside of the spool")

    def _names_of(self, found: os.stat_result) -> int:
        return sum(os.path.samestat(each, found) for each in self.statuses().values())

    def _make_private(self) -> None:
        """Takes the rights of other users away, which a mounted volume may have given to them."""
        fd = self._opened()
        mode = os.fstat(fd).st_mode
        if not mode & OTHERS:
            return
        try:
            if not mode & stat.S_IWOTH:
                self._make_segments_private()
            os.fchmod(fd, PRIVATE)
        except OSError as error:
            text = f"users other than its owner may enter it, and chmod 700 fails: {error.strerror}"
            raise SpoolUnusableError(f"{self.path}: {text}") from None
        if os.fstat(fd).st_mode & OTHERS:
            text = "users other than its owner may enter it, and its filesystem ignores chmod 700"
            raise SpoolUnusableError(f"{self.path}: {text}")

    def _make_segments_private(self) -> None:
        for name in self.names():
            if SegmentName.parse(name) is not None:
                with suppress(OSError), self._file(name) as fd:
                    make_segment_private(fd)

    @contextmanager
    def _file(self, name: str) -> Generator[int]:
        fd = self.open_file(name, os.O_RDONLY)
        try:
            yield fd
        finally:
            os.close(fd)


def _is_usable(fd: int) -> bool:
    return os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=fd)

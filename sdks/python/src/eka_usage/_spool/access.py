"""Which directories and files are this user's alone, so that nobody else can have placed them."""

from __future__ import annotations

import os
import stat
from typing import Final

from .._generated.spool import SEGMENT_BYTES

PRIVATE: Final = 0o700
OTHERS: Final = 0o077
_PRIVATE_FILE = 0o600
_WRITABLE = 0o022
_GROUP_WRITABLE = 0o020


class SpoolUnusableError(Exception):
    """The directory cannot be used; the text is the reason."""


class UntrustedFileError(Exception):
    """A file with a segment's name may be another user's; the text is the reason."""


def user() -> int:
    """Returns the user of this process.

    Raises:
        SpoolUnusableError: the system has no such notion.
    """
    if not hasattr(os, "getuid"):
        raise SpoolUnusableError("this system does not report the owner of a directory")
    return os.geteuid()


def check_owner(path: object, found: os.stat_result) -> None:
    """Checks that a directory is this user's.

    Raises:
        SpoolUnusableError: it is not.
    """
    if found.st_uid != user():
        text = f"it belongs to user {found.st_uid}, and this process runs as user {user()}"
        raise SpoolUnusableError(f"{path}: {text}")


def check_segment(found: os.stat_result) -> None:
    """Checks the status of an open file, except for its links.

    Raises:
        UntrustedFileError: another user may have placed or changed it, or it is no segment.
    """
    if not stat.S_ISREG(found.st_mode):
        raise UntrustedFileError("it is not a regular file")
    if found.st_uid != user():
        raise UntrustedFileError(f"it belongs to user {found.st_uid}")
    if found.st_mode & _WRITABLE:
        raise UntrustedFileError(f"others may write it: its mode is {found.st_mode & 0o777:04o}")
    if found.st_size > SEGMENT_BYTES:
        raise UntrustedFileError(f"it is longer than a segment: {found.st_size} bytes")


def who_may_replace(parent: os.stat_result) -> str | None:
    """Returns why users other than root may rename what is in a directory; None if none may."""
    if parent.st_uid not in {0, user()}:
        return f"belongs to user {parent.st_uid}"
    by_group = parent.st_mode & _GROUP_WRITABLE and parent.st_uid != user()
    if (parent.st_mode & stat.S_IWOTH or by_group) and not parent.st_mode & stat.S_ISVTX:
        return "may be written by others, and has no sticky bit"
    return None


def make_segment_private(fd: int) -> None:
    """Takes from its group what a mount with fsGroup gave to it, if it is a segment of ours.

    Raises:
        OSError: its mode cannot be changed.
    """
    found = os.fstat(fd)
    is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == user() and found.st_nlink == 1
    if is_ours and found.st_mode & OTHERS and not found.st_mode & stat.S_IWOTH:
        os.fchmod(fd, _PRIVATE_FILE)


def used_bytes(found: os.stat_result) -> int:
    """Returns the disk space of a file: a sparse one has fewer blocks than its length says."""
    return min(found.st_size, found.st_blocks * 512) if stat.S_ISREG(found.st_mode) else 0

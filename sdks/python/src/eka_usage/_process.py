"""Detects that the process is a copy of another one, or is about to be copied."""

from __future__ import annotations

import mmap
import os
import sys
from typing import Protocol

from ._interrupts import is_interruption

# Linux zeroes the page in every child, however it was forked. Python's mmap lacks the name.
_MADV_WIPEONFORK = 18


class ProcessMark(Protocol):
    """`mark[0]` is 1 in the process that wrote it, and 0 in every copy that has not written it."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


def process_mark() -> ProcessMark:
    """Returns a mark of this process.

    A byte costs 20 ns to read. `os.getpid()` is a system call, of 40 to 200 ns.
    """
    if sys.platform == "linux":
        try:
            page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            page.madvise(_MADV_WIPEONFORK)
        except OSError:  # Linux before 4.14, or a sandbox without it
            pass
        else:
            page[0] = 1
            return page
    return _ProcessId()


def uwsgi_will_fork() -> bool:
    """Reports whether uWSGI has yet to fork its workers, in C, off this process.

    A thread that runs then may hold the GIL, which nothing ever releases in the copy.
    """
    uwsgi = sys.modules.get("uwsgi")
    try:
        return (
            uwsgi is not None
            and uwsgi.worker_id() == 0
            and uwsgi.masterpid() in {0, os.getpid()}  # another's in its mules and spoolers
        )
    except Exception as error:
        if is_interruption(error):
            raise
        return False


class _ProcessId:
    """A mark that compares process ids."""

    def __init__(self) -> None:
        self._id = os.getpid()

    def __getitem__(self, _: int) -> int:
        return os.getpid() == self._id

    def __setitem__(self, _: int, value: int) -> None:
        self._id = os.getpid()

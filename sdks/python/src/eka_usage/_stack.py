"""Room on the stack, of which a call near the recursion limit has too little to end well."""

from __future__ import annotations

import sys
import threading

from ._interrupts import ROOM, check_stack, shared_lock

_MORE = 300
# The threads whose limit is raised: each once, as a stack cannot grow without end.
_raised: set[int] = set()


class EnoughStack:
    """A context with room on the stack; near the recursion limit it raises the limit meanwhile.

    Until the limit is raised it takes no more of the stack than a call that numbers an event.

    Raises:
        RecursionError: the thread is too near the limit, or near one that was raised already.
    """

    _raises = False

    def __enter__(self) -> None:
        try:
            check_stack(ROOM)
        except RecursionError:
            if threading.get_ident() in _raised:
                raise
            with shared_lock():  # other threads may change the limit at the same time
                limit = sys.getrecursionlimit()
                sys.setrecursionlimit(limit)  # raises where the limit could not be lowered again
                sys.setrecursionlimit(limit + _MORE)
            self._raises = True
            _raised.add(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        if self._raises:
            _raised.discard(threading.get_ident())
            with shared_lock():
                sys.setrecursionlimit(sys.getrecursionlimit() - _MORE)

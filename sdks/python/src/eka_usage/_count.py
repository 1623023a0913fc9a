"""A counter that threads share without a lock."""

from __future__ import annotations

from collections.abc import Callable
from operator import length_hint

_MOST = 2**62


class Count:
    """Returns 1, 2, 3 …; the iterator of a range counts them, atomically."""

    def __init__(self) -> None:
        self._numbers = iter(range(1, _MOST))
        self.next: Callable[[], int] = self._numbers.__next__

    @property
    def last(self) -> int:
        """The last number that was returned, 0 if none was."""
        return _MOST - 1 - length_hint(self._numbers)

"""A counter that threads share without a lock."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Count:
    """Returns 1, 2, 3 …, atomically, also where threads run in parallel.

    Attributes:
        numbers: iterates over them; what one user takes, no other gets.
    """

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.next: Callable[[], int] = self.numbers.__next__

    @property
    def last(self) -> int:
        """The last number that was returned, 0 if none was."""
        # count(7); nothing else of it returns the next number without taking it.
        return int(repr(self.numbers)[6:-1]) - 1

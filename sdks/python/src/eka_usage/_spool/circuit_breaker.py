"""When to try again after a failure that may pass."""

from __future__ import annotations

import random


class CircuitBreaker:
    """Opens at a failure: then one event goes alone, after a pause that doubles each time."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._pause = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last result was a failure."""
        return self._pause > 0

    def pause(self) -> float:
        """Returns the seconds to wait, less up to half at random so that clients do not march."""
        return self._pause * random.uniform(0.5, 1)  # noqa: S311  no secret

    def trip(self) -> None:
        """Records a failure that may pass."""
        self._pause = min(self._longest, max(self._shortest, self._pause * 2))

    def reset(self) -> None:
        """Records a delivery."""
        self._pause = 0.0

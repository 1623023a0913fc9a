"""When to try again after a refusal that can pass."""

from __future__ import annotations

import random


class Breaker:
    """Open after a refusal: then one event goes alone, after a pause that doubles each time."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._pause = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last thing that was heard is a refusal."""
        return self._pause > 0

    def pause(self) -> float:
        """The seconds to wait, of which chance takes off up to a half: clients must not march."""
        return self._pause * random.uniform(0.5, 1)  # noqa: S311  no secret

    def refused(self) -> None:
        """Hears of a refusal that can pass."""
        self._pause = min(self._longest, max(self._shortest, self._pause * 2))

    def delivered(self) -> None:
        """Hears of a delivery."""
        self._pause = 0.0

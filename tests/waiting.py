"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

_INTERVAL = 0.01
# Long enough for a busy machine: only a test that fails waits this long.
_SECONDS = 60


def eventually(
    holds: Callable[[], object],
    otherwise: str | Callable[[], str] = "the condition does not hold",
    *,
    seconds: float = _SECONDS,
) -> None:
    """Waits until the condition holds, and fails with the message `otherwise` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            message = otherwise if isinstance(otherwise, str) else otherwise()
            raise AssertionError(f"not within {seconds:g} s: {message}")
        time.sleep(_INTERVAL)

"""How threads of the SDK wake each other: every wait and every wake-up is here."""

from __future__ import annotations

import threading


class WakeUp:
    """A flag that some threads wait for and others raise."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> None:
        """Raises the flag, which wakes every waiting thread."""
        self._event.set()

    def clear(self) -> None:
        """Lowers the flag."""
        self._event.clear()

    def wait(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds for the flag, and reports whether it is raised."""
        return self._event.wait(timeout)

    @property
    def is_raised(self) -> bool:
        """Whether the flag is raised."""
        return self._event.is_set()

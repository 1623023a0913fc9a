"""How threads of the SDK wake each other: every wait and every wake-up is here.

A signal handler may raise the very flag that the code it interrupts is raising. An event of
`threading` has a lock that the two would both wait for; a SimpleQueue is reentrant.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue


class WakeUp:
    """A flag that some threads wait for and others raise.

    Attributes:
        is_raised: whether the flag is raised.
    """

    def __init__(self) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self.is_raised = False

    def wake(self) -> None:
        """Raises the flag, which wakes every waiting thread."""
        if not self.is_raised:
            # In this order, so that an exception in between leaves a flag that still works.
            self._tokens.put(None)
            self.is_raised = True

    def clear(self) -> None:
        """Lowers the flag; only the one thread that waits for it may."""
        self.is_raised = False
        while not self._tokens.empty():
            try:
                self._tokens.get_nowait()
            except Empty:
                return

    def wait(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds for the flag, and reports whether it is raised."""
        if not self.is_raised:
            try:
                self._tokens.get(timeout=max(0.0, timeout))
            except Empty:
                return self.is_raised
            self._tokens.put(None)  # for the next thread that waits
        return True

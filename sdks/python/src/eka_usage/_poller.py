"""The thread that receives delivery reports."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ._process import uwsgi_will_fork
from ._wakeup import WakeUp

# Short enough that delivered events leave the queue well before it is full, long enough that the
# thread does not contend with callers for the interpreter.
_INTERVAL = 0.02
# While nothing is queued, only log lines of librdkafka are polled for.
_IDLE_INTERVAL = 0.5


class Poller:
    """Polls a transport, often while events are queued and rarely while none are.

    Args:
        poll: receives delivery reports; must not raise.
        queued: returns how many events are queued.

    Attributes:
        is_idle: whether the thread waits to be woken by an event.
    """

    def __init__(self, poll: Callable[[], object], queued: Callable[[], int]) -> None:
        self._poll = poll
        self._queued = queued
        self._stopped = WakeUp()
        self._awake = WakeUp()
        self._thread: threading.Thread | None = None
        self.is_idle = False

    @property
    def is_started(self) -> bool:
        """Whether the thread was started."""
        return self._thread is not None

    def start(self) -> None:
        """Starts the thread, unless uWSGI has yet to fork.

        Raises:
            RuntimeError: there are too many threads, or the interpreter is shutting down.
        """
        if uwsgi_will_fork():
            return
        thread = threading.Thread(target=self._run, name="eka-usage", daemon=True)
        thread.start()
        self._thread = thread

    def wake(self) -> None:
        """Ends the wait of an idle thread."""
        self._awake.wake()

    def stop(self) -> None:
        """Ends the thread, which may be the caller's own."""
        self._stopped.wake()
        self._awake.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            self._poll()
            if not self._queued():
                self._rest()

    def _rest(self) -> None:
        """Waits for an event; one that comes just before is polled for a little later."""
        self._awake.clear()
        self.is_idle = True
        self._awake.wait(_IDLE_INTERVAL)
        self.is_idle = False

"""The thread that receives delivery reports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ._generated.settings import CLIENT_NAME
from ._process import uwsgi_will_fork
from ._wakeup import WakeUp
from ._worker import Worker

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
        self._worker = Worker(CLIENT_NAME, self._run)
        self.is_idle = False

    @property
    def is_started(self) -> bool:
        """Whether the thread was started."""
        return self._worker.is_started

    def start(self) -> None:
        """Starts the thread, unless uWSGI has yet to fork.

        Raises:
            RuntimeError: there are too many threads, or the interpreter is shutting down.
        """
        if uwsgi_will_fork():
            return
        self._worker.start()

    def wake(self) -> None:
        """Ends the wait of an idle thread."""
        self._awake.wake()

    def stop(self) -> None:
        """Ends the thread, which may be the caller's own."""
        self._stopped.wake()
        self._awake.wake()
        self._worker.join(1)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            with suppress(Exception):  # whatever it is, the next report may be another
                self._poll()
            if not self._queued():
                self._rest()

    def _rest(self) -> None:
        """Waits for an event; one that comes just before is polled for a little later."""
        self._awake.clear()
        self.is_idle = True
        self._awake.wait(_IDLE_INTERVAL)
        self.is_idle = False

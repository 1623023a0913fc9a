"""The periodic work of a spool: heartbeats, fsync, preallocation, the search for orphans."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from .._clock import monotonic
from .._describe import describe_error
from .._generated.settings import CLIENT_NAME
from .._process import uwsgi_will_fork
from .._reporting import RateLimitedLog
from .._wakeup import WakeUp
from .._worker import Worker


class Housekeeper:
    """A thread that calls one function at short intervals, and another at each heartbeat.

    Args:
        tidy: called at each interval for as long as it reports that there is more to do.
        interval: seconds.
        beat: called at each heartbeat, and at once when the thread starts.
        heartbeat: seconds.
    """

    def __init__(
        self,
        tidy: Callable[[], bool],
        interval: float,
        beat: Callable[[], object],
        heartbeat: float,
    ) -> None:
        self._tidy = tidy
        self._interval = min(interval, heartbeat)
        self._beat = beat
        self._heartbeat = heartbeat
        self._stopped = False
        self._awake = WakeUp()
        self._worker = Worker(f"{CLIENT_NAME}-spool", self._run)
        self._log = RateLimitedLog()

    def start(self) -> None:
        """Starts the thread, unless it runs or the process cannot have a thread now."""
        if not self._stopped and not uwsgi_will_fork():
            with suppress(RuntimeError):
                self._worker.start()

    def wake(self) -> None:
        """Makes the thread run now."""
        self._awake.wake()

    def stop(self) -> None:
        """Ends the thread, which may be the caller's own."""
        self._stopped = True
        self._awake.wake()
        self._worker.join(1)

    def _run(self) -> None:
        next_beat = 0.0
        busy = False
        while not self._stopped:
            now = monotonic()
            try:
                if now >= next_beat:
                    next_beat = now + self._heartbeat
                    self._beat()
                busy = self._tidy()
            except Exception as error:
                text = f"spool housekeeping failed, retrying: {describe_error(error)}"
                self._log.log(logging.ERROR, "housekeeping", text)
            self._awake.wait(self._interval if busy else max(0.0, next_beat - monotonic()))
            self._awake.clear()

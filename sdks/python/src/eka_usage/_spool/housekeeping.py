"""The periodic work of a spool: heartbeats, fsync, preallocation, the search for orphans."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .._describe import describe_error
from .._process import uwsgi_will_fork
from .._reporting import RateLimitedLog
from .._wakeup import WakeUp


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
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._log = RateLimitedLog()

    def start(self) -> None:
        """Starts the thread, unless it runs or the process cannot have a thread now."""
        with self._starting:
            if self._thread is not None or self._stopped or uwsgi_will_fork():
                return
            thread = threading.Thread(target=self._run, name="eka-usage-spool", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return
            self._thread = thread

    def wake(self) -> None:
        """Makes the thread run now."""
        self._awake.wake()

    def stop(self) -> None:
        """Ends the thread, which may be the caller's own."""
        self._stopped = True
        self._awake.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)

    def _run(self) -> None:
        next_beat = 0.0
        busy = False
        while not self._stopped:
            now = time.monotonic()
            try:
                if now >= next_beat:
                    next_beat = now + self._heartbeat
                    self._beat()
                busy = self._tidy()
            except Exception as error:
                text = f"spool housekeeping failed, retrying: {describe_error(error)}"
                self._log.log(logging.ERROR, "housekeeping", text)
            self._awake.wait(self._interval if busy else max(0.0, next_beat - time.monotonic()))
            self._awake.clear()

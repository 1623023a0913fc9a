"""The thread that keeps a spool: heartbeats, the disk, the next segment, others' segments."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .._errors import described
from .._reporting import RateLimitedLog
from .._wakeup import WakeUp


class Keeper:
    """Calls one function again and again, and another at each heartbeat.

    Args:
        tick: called every so many seconds while it says that there is something to do.
        beat: called at each heartbeat, and at once when the thread begins.
    """

    def __init__(
        self,
        tick: Callable[[], bool],
        interval: float,
        beat: Callable[[], object],
        heartbeat: float,
    ) -> None:
        self._tick = tick
        self._interval = min(interval, heartbeat)
        self._beat = beat
        self._heartbeat = heartbeat
        self._stopped = False
        self._awake = WakeUp()
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._log = RateLimitedLog()

    def start(self) -> None:
        """Begins, where it has not; where the process cannot have a thread now, it goes without."""
        with self._starting:
            if self._thread is not None or self._stopped:
                return
            thread = threading.Thread(target=self._run, name="eka-usage-spool", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return
            self._thread = thread

    def wake(self) -> None:
        """There is something to do."""
        self._awake.wake()

    def stop(self) -> None:
        """Ends."""
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
                busy = self._tick()
            except Exception as error:
                self._log.log(logging.ERROR, "keeper", f"the spool: {described(error)}")
            self._awake.wait(self._interval if busy else max(0.0, next_beat - time.monotonic()))
            self._awake.clear()

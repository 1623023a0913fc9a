"""The threads of the SDK."""

from __future__ import annotations

import _thread  # noqa: PLC2701  its functions, unlike those of threading, are reentrant
import threading
from collections.abc import Callable

from ._interrupts import is_nested
from ._wakeup import WakeUp

# Seconds that the start of a thread may take, before it is tried again at the next event.
_LAUNCH = 1.0


class Worker:
    """A daemon thread that may be started and stopped wherever a signal handler interrupts.

    Args:
        name: the thread's.
        run: its work; must not raise.

    Attributes:
        is_started: whether the thread was started.
    """

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self._name = name
        self._run = run
        self._thread: threading.Thread | None = None
        self._unlaunched = [True]
        self._launched = WakeUp()
        self._ended = WakeUp()
        self.is_started = False

    def start(self) -> None:
        """Starts the thread, unless it was started.

        Raises:
            RuntimeError: there are too many threads, or the interpreter is shutting down.
        """
        if not self.is_started:
            # Thread.start() takes a lock that is not reentrant, so another thread calls it.
            _thread.start_new_thread(self._launch, ())
            # CPython may raise in a thread that just starts what was meant for this one.
            self.is_started = self._launched.wait(_LAUNCH)

    def join(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for the end of the thread, unless it is the caller's.

        Neither does a signal handler wait, as the thread may need what the handler interrupted.
        """
        if self.is_started and self._thread is not threading.current_thread() and not is_nested():
            self._ended.wait(timeout)
            if self._thread is not None:
                self._thread.join(timeout)

    def _launch(self) -> None:
        self._launched.wake()
        try:
            self._unlaunched.pop()
        except IndexError:  # another thread has launched it
            return
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:
            self._ended.wake()

    def _work(self) -> None:
        # Known from here on, as a thread that has not started cannot be joined, in a copy never.
        self._thread = threading.current_thread()
        try:
            self._run()
        finally:
            self._ended.wake()

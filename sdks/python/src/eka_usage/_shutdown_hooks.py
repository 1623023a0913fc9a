"""What runs when a process exits, receives SIGTERM or forks.

A client is referenced here until its shutdown(), so that what it accepted is sent even if the host
drops its own reference.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from ._transports import kafka
from ._transports.callbacks import inside
from ._wakeup import WakeUp


class ShutdownHooks(NamedTuple):
    """What a client does when its process ends or forks.

    Attributes:
        shutdown: sends what is queued, within so many seconds.
        timeout: the seconds that the end of the process may wait for this client.
        after_fork: makes it a new client in a forked child; the parent sends what it accepted.
    """

    shutdown: Callable[[float], object]
    timeout: float
    after_fork: Callable[[], None]


_hooks: dict[Any, ShutdownHooks] = {}
_ended = WakeUp()
# Seconds that on_error may take at SIGTERM for all errors that are still to be reported.
_REPORTING = 10.0
# Whether the garbage collector was enabled, for each fork in progress.
_collecting: list[bool] = []


def register(client: object, hooks: ShutdownHooks, *, flush_on_sigterm: bool) -> None:
    """Runs the hooks of a client until it is unregistered."""
    _hooks[client] = hooks
    if flush_on_sigterm:
        _handle_sigterm()


def unregister(client: object) -> None:
    """Drops a client that was shut down."""
    _hooks.pop(client, None)


def clients() -> list[Any]:
    """Returns the clients that were not shut down."""
    return list(_hooks)


def flush_at_worker_exit() -> None:
    """Shuts clients down at the exit of a multiprocessing worker, which skips atexit."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, shutdown_all, exitpriority=0)


def shutdown_all() -> None:
    """Shuts every client down, all within the longest timeout of any of them."""
    left = list(_hooks.values())
    deadline = time.monotonic() + max((hooks.timeout for hooks in left), default=0)
    for hooks in left:
        hooks.shutdown(max(0.0, min(hooks.timeout, deadline - time.monotonic())))


def _handle_sigterm() -> None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _: object) -> None:
    if (reported := inside()) and not _ended.is_raised:
        # Only this thread can report what that call reports: it continues while another waits.
        elsewhere = threading.Thread(
            target=_end_elsewhere, args=(number, reported), name="eka-usage-end"
        )
        with suppress(RuntimeError):  # the end of the interpreter is too near for a thread
            elsewhere.start()
            return
    shutdown_all()
    # The process still ends by the signal, as its parent expects.
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _end_elsewhere(number: int, reported: WakeUp) -> None:
    shutdown_all()
    reported.wait(_REPORTING)
    _ended.wake()
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    # In the child no collection may come before the producers are safe from it.
    _collecting.append(gc.isenabled())
    gc.disable()


def _after_fork_in_parent() -> None:
    if _collecting.pop():
        gc.enable()


def _after_fork() -> None:
    kafka.detach_all()
    if any(_collecting):
        gc.enable()
    _collecting.clear()
    for hooks in list(_hooks.values()):
        hooks.after_fork()


atexit.register(shutdown_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )

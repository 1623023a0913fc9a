"""What runs when a process exits, receives SIGTERM, forks or is copied otherwise.

A client is referenced here until its shutdown(), so that what it accepted is sent even if the host
drops its own reference.
"""

from __future__ import annotations

import _thread  # noqa: PLC2701  its functions, unlike those of threading, are reentrant
import atexit
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from ._clock import monotonic
from ._interrupts import is_inside, renew_lock
from ._process import process_mark
from ._reporting import write_log
from ._transports import kafka
from ._transports.callbacks import running
from ._wakeup import WakeUp


class ShutdownHooks(NamedTuple):
    """What a client does when its process ends or forks.

    Attributes:
        shutdown: sends what is queued, within so many seconds.
        timeout: the seconds that the end of the process may wait for this client.
        after_fork: makes it a new instance in a copied process, unless it is one already; the
            original sends what it accepted.
    """

    shutdown: Callable[[float], object]
    timeout: float
    after_fork: Callable[[], None]


# Every call of a client reads it; 0 makes the client a new instance: see `enter_process()`.
mark = process_mark()
_process: object = object()
_hooks: dict[Any, ShutdownHooks] = {}
# Whether a client is to flush at SIGTERM, and whether it was logged that another handler is set.
_watches_sigterm = False
_reported_handler = False
# So many open clients are logged, once.
_MANY_CLIENTS = 32
_reported_many = False
# Packages whose handlers end the process in a way that runs the hooks of this module.
_EXIT_NORMALLY = frozenset({"billiard", "celery", "gunicorn"})
# By process id, since a thread that was not copied may hold the copy of a lock.
_entering: dict[int, threading.RLock] = {}
# Whether SIGTERM has come, and whether the work that it causes is done.
_is_ending = False
_ended = WakeUp()
# Seconds after which the main thread is taken for stuck in C code, which runs no handler.
_STUCK = 1.0
# Seconds that on_error may take at SIGTERM for all errors that are still to be reported.
_REPORTING = 10.0
# Whether the garbage collector was enabled, for each fork in progress.
_collecting: list[bool] = []


def register(client: object, hooks: ShutdownHooks, *, flush_on_sigterm: bool) -> None:
    """Runs the hooks of a client until it is unregistered."""
    _hooks[client] = hooks
    if len(_hooks) >= _MANY_CLIENTS:
        _report_many()
    if flush_on_sigterm:
        _handle_sigterm()


def _report_many() -> None:
    global _reported_many  # noqa: PLW0603  a process has one line
    if not _reported_many:
        _reported_many = True
        text = (
            "%d clients are open in this process, each with threads and connections of its own:"
            " share one, and give what differs to bind()"
        )
        write_log(logging.WARNING, text, len(_hooks))


def unregister(client: object) -> None:
    """Drops a client that was shut down."""
    _hooks.pop(client, None)


def clients() -> list[Any]:
    """Returns the clients that were not shut down."""
    return list(_hooks)


def process() -> object:
    """Returns an object that is another one in each copied process, once it is entered."""
    return _process


def enter_process() -> None:
    """Makes every client a new instance if the process was copied without Python's fork hooks.

    uWSGI forks in C, as do programs that embed Python.
    """
    with _entering.setdefault(os.getpid(), threading.RLock()):
        if not mark[0]:
            _begin_anew()


def transport_opened() -> None:
    """Runs at the first event of a process, when the modules of its job runner are imported."""
    _flush_at_worker_exit()
    if _watches_sigterm:
        _report_sigterm_handler()


def _flush_at_worker_exit() -> None:
    """Shuts clients down at the exit of a worker of multiprocessing or Celery; both skip atexit."""
    for name in ("multiprocessing.util", "billiard.util"):
        if (util := sys.modules.get(name)) is not None:
            util.Finalize(None, shutdown_all, exitpriority=0)
    if (signals := sys.modules.get("celery.signals")) is not None:
        # The last code that Celery runs in a process of its pool.
        signals.worker_process_shutdown.connect(
            _worker_process_ends, weak=False, dispatch_uid=__name__
        )


def _worker_process_ends(**_: object) -> None:
    shutdown_all()


def shutdown_all() -> None:
    """Shuts every client down, all within the longest timeout of any of them."""
    enter_process()
    left = list(_hooks.values())
    deadline = monotonic() + max((hooks.timeout for hooks in left), default=0)
    for hooks in left:
        hooks.shutdown(max(0.0, min(hooks.timeout, deadline - monotonic())))


def _handle_sigterm() -> None:
    global _watches_sigterm  # noqa: PLW0603  a process has one handler
    _watches_sigterm = True
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)
    _report_sigterm_handler()


def _report_sigterm_handler() -> None:
    """Logs once which handler keeps the client from flushing at SIGTERM."""
    global _reported_handler  # noqa: PLW0603  a process has one handler
    handler = signal.getsignal(signal.SIGTERM)
    # A handler that C code set has no name.
    if _reported_handler or not callable(handler) or handler is _on_sigterm:
        return
    module = getattr(handler, "__module__", None) or type(handler).__module__
    if module.partition(".")[0] in _EXIT_NORMALLY:
        return
    _reported_handler = True
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    write_log(
        logging.WARNING,
        "SIGTERM is handled by %s.%s, so the client does not flush on it: call shutdown() where"
        " the service ends; flush_on_sigterm=False turns this line off",
        module,
        name,
    )


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    """Lets another thread shut the clients down, then ends the process.

    A call of the SDK that was interrupted goes on, as the other thread may need what it locked.
    What it is to report, only it can.
    """
    global _is_ending  # noqa: PLW0603  a process ends once
    if not _is_ending:
        _is_ending = True
        try:
            _thread.start_new_thread(_end_process, (number,))
        except RuntimeError:  # the interpreter is shutting down
            shutdown_all()
            _ended.wake()
    if not is_inside(frame):
        _ended.wait(max((hooks.timeout for hooks in _hooks.values()), default=0) + _STUCK)
    if _ended.is_raised:
        # The process still ends by the signal, as its parent expects.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _end_process(number: int) -> None:
    deadline = monotonic() + _REPORTING
    try:
        shutdown_all()
    finally:
        for call in running():  # only the thread of such a call can report what it reports
            call.wait(deadline - monotonic())
        _ended.wake()
        os.kill(os.getpid(), number)
        time.sleep(_STUCK)
        if signal.getsignal(number) is _on_sigterm:
            import ctypes  # few need it, and importing it takes time

            ctypes.pythonapi.PyOS_setsig(number, ctypes.c_void_p(0))
            os.kill(os.getpid(), number)


def _wait_for_end() -> None:
    """Lets SIGTERM end the process, though the main thread has come to its own end meanwhile."""
    if _is_ending:
        _ended.wait(_REPORTING)
        time.sleep(_STUCK)


def _before_fork() -> None:
    # In the child no collection may come before the producers are safe from it.
    _collecting.append(gc.isenabled())
    gc.disable()


def _after_fork_in_parent() -> None:
    if _collecting.pop():
        gc.enable()


def _after_fork() -> None:
    kafka.detach_all()  # before any collection
    if any(_collecting):
        gc.enable()
    _collecting.clear()
    _begin_anew()


def _begin_anew() -> None:
    global _process, _is_ending, _ended
    _process, _is_ending, _ended = object(), False, WakeUp()
    renew_lock()
    kafka.detach_all()
    for hooks in list(_hooks.values()):
        hooks.after_fork()
    mark[0] = 1


atexit.register(_wait_for_end)  # after the next one
atexit.register(shutdown_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )

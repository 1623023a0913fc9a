"""What happens to clients at the ends of a process: exit, SIGTERM, fork.

A client is kept here until its shutdown(), so that what it accepted is sent even if the host has
forgotten it.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from typing import Protocol


class Client(Protocol):
    """What this module does with a client."""

    @property
    def exit_timeout(self) -> float: ...
    def shutdown(self, timeout: float | None = None) -> int: ...
    def after_fork(self) -> None: ...


_clients: dict[int, Client] = {}


def adopt(client: Client, *, flush_on_sigterm: bool) -> None:
    """Looks after a client from now on."""
    _clients[id(client)] = client
    if flush_on_sigterm:
        _handle_sigterm()


def release(client: Client) -> None:
    """Forgets a client that was shut down."""
    _clients.pop(id(client), None)


def flush_when_a_worker_ends() -> None:
    """Lets a multiprocessing worker, which skips atexit, end as other processes do."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, shutdown_all, exitpriority=0)


def shutdown_all() -> None:
    """Shuts every client down, all within the longest time that one of them allows."""
    clients = list(_clients.values())
    deadline = time.monotonic() + max((client.exit_timeout for client in clients), default=0)
    for client in clients:
        client.shutdown(max(0.0, min(client.exit_timeout, deadline - time.monotonic())))


def _handle_sigterm() -> None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _: object) -> None:
    shutdown_all()
    # The process still ends by the signal, as its parent expects.
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _after_fork() -> None:
    for client in list(_clients.values()):
        client.after_fork()


atexit.register(shutdown_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

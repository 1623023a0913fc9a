"""Calls into a producer that run callbacks.

confluent_kafka aborts the process if one is made within the callback of another: by an `on_error`
that flushes, or by a signal handler that runs during a callback.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .._wakeup import WakeUp

_here = threading.local()


def inside() -> WakeUp | None:
    """Returns what the end of this thread's call raises; None if it is in no such call."""
    return getattr(_here, "ended", None)


def calling(call: Callable[..., Any], *arguments: object) -> Any:
    """Returns or raises what the call does; a nested one runs on a thread of its own."""
    if not inside():
        _here.ended = ended = WakeUp()
        try:
            return call(*arguments)
        finally:
            _here.ended = None
            ended.wake()
    found: list[Any] = []
    failed: list[Exception] = []

    def elsewhere() -> None:
        try:
            found.append(call(*arguments))
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=elsewhere, name="eka-usage-nested", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]

"""Calls into a producer that call back.

confluent_kafka ends the process where one is made inside another's callback: by an `on_error` that
flushes, or by a signal handler that comes while a callback runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .._wakeup import WakeUp

_here = threading.local()


def inside() -> WakeUp | None:
    """Where this thread is in such a call, which may have more to report: what its end sets."""
    return getattr(_here, "ended", None)


def calling(call: Callable[..., Any], *arguments: object) -> Any:
    """What the call returns, or raises; a call inside another is made by a thread of its own."""
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

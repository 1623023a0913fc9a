"""Calls into a producer that call back.

confluent_kafka ends the process if one is made inside another's callback: by an `on_error` that
flushes, or by a signal handler that runs during a callback.
"""

from __future__ import annotations

import _thread  # noqa: PLC2701  its functions, unlike those of threading, are reentrant
import logging
import threading
from collections.abc import Callable
from types import CodeType
from typing import Any

from .._describe import describe_error
from .._interrupts import is_interruption
from .._reporting import RateLimitedLog
from .._wakeup import WakeUp

# The callbacks of a nested call may take longer than the call itself.
_REPORTING = 1.0
# By thread, what the end of its call raises.
_running: dict[int, WakeUp] = {}
# What an interrupted callback has to do once more, by its code.
_repeats: dict[CodeType, Callable[..., object]] = {}
_log = RateLimitedLog()


def running() -> list[WakeUp]:
    """Returns what the end of each such call raises, which may have more to report."""
    return list(_running.values())


def calling(call: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what the call returns; a call inside another is made by a thread of its own."""
    me = threading.get_ident()
    if me not in _running:
        ended = WakeUp()
        try:
            _running[me] = ended
            return call(*arguments)
        except BaseException as error:
            if is_interruption(error):
                _repeat_callbacks(error)
            raise
        finally:
            _running.pop(me, None)
            ended.wake()
    return _call_elsewhere(call, arguments)


def recover() -> None:
    """Records that no such call of this thread is running, after an exception ended one."""
    _running.pop(threading.get_ident(), None)


def repeated_by(repeat: Callable[..., object]) -> Callable[[Callable[..., Any]], Any]:
    """Calls `repeat` with the arguments of a callback that an exception of the host interrupted."""

    def register(callback: Callable[..., Any]) -> Callable[..., Any]:
        _repeats[callback.__code__] = repeat
        return callback

    return register


def guarded(name: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a callback of the host's that logs what it raises.

    Otherwise librdkafka stops reporting, and whoever polls it raises the exception.
    """

    def call(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except Exception as error:
            if is_interruption(error):
                raise
            _log.log(logging.ERROR, name, f"{name} raised {describe_error(error)}")
            return None

    return call


class GuardedLogger:
    """A logger of the host's, whatever it raises."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def log(self, level: int, message: str, *values: object) -> None:
        """Logs as a `logging.Logger` does."""
        try:
            self._logger.log(level, message, *values)
        except Exception as error:
            if is_interruption(error):
                raise
            text = f"the logger in kafka_config raised {describe_error(error)}"
            _log.log(logging.ERROR, "logger", text)


def _call_elsewhere(call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    found: list[Any] = []
    failed: list[Exception] = []
    ended = WakeUp()

    def elsewhere() -> None:
        try:
            found.append(call(*arguments))
        except Exception as error:
            failed.append(error)
        finally:
            ended.wake()

    _thread.start_new_thread(elsewhere, ())
    # Not until its end, as its callbacks may need what this thread has locked.
    ended.wait(float(arguments[0]) + _REPORTING)
    if failed:
        raise failed[0]
    return found[0] if found else None


def _repeat_callbacks(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
        if (repeat := _repeats.get(frame.f_code)) is not None:
            count = frame.f_code.co_argcount
            repeat(*(frame.f_locals[name] for name in frame.f_code.co_varnames[:count]))

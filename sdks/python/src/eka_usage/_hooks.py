"""The caller's own clocks and source of ids, whatever they raise or return."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from ._clock import is_event_time
from ._describe import describe_error, describe_value
from ._ids import EventIds
from ._interrupts import is_interruption
from ._reporting import RateLimitedLog

T = TypeVar("T")


def guarded_clock(clock: Callable[[], int] | None) -> Callable[[], int] | None:
    """Returns the caller's nanoseconds since 1970 where they are a time that an event can have."""
    return clock and guarded("the clock", clock, _is_time, lambda: time.time_ns())  # noqa: PLW0108  tests replace it


def guarded_monotonic(clock: Callable[[], int], own: Callable[[], int]) -> Callable[[], int]:
    """Returns the caller's nanoseconds of a clock that nobody sets, where they are any."""
    return clock if clock is own else guarded("the monotonic clock", clock, _is_integer, own)


def guarded_ids(new_id: Callable[[], str] | None) -> Callable[[], str] | None:
    """Returns the caller's source of ids, which are checked as any id of the caller's."""
    return new_id and guarded("new_id", new_id, lambda _: True, _own_id)


def guarded(
    name: str, hook: Callable[[], T], is_valid: Callable[[object], bool], own: Callable[[], T]
) -> Callable[[], T]:
    """Returns a function that calls `own` where the caller's raises, or returns what is not valid.

    An interruption of the call, such as KeyboardInterrupt, is raised.
    """
    log = RateLimitedLog()

    def call() -> T:
        try:
            value = hook()
        except Exception as error:
            if is_interruption(error):
                raise
            how = f"raised {describe_error(error)}"
        else:
            if is_valid(value):
                return value
            how = f"returned {describe_value(value)}"
        log.log(logging.ERROR, name, f"{name} {how}; the SDK's own is used in its place")
        return own()

    return call


def _is_time(value: object) -> bool:
    return type(value) is int and is_event_time(value // 1_000_000)


def _is_integer(value: object) -> bool:
    return type(value) is int


def _own_id() -> str:
    return EventIds().mint(time.time_ns() // 1_000_000, 0)

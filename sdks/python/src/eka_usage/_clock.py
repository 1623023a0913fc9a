"""Points in time: milliseconds since 1970 inside, RFC 3339 in UTC on the wire."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial

from ._interrupts import is_interruption

# Seconds, for timeouts and intervals. Tests that freeze the time replace time.monotonic(), wherever
# it is imported; a wait would then never end.
monotonic: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, "clock_gettime")
    else partial(time.monotonic)
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
# The years 1 to 9999.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def format_time(milliseconds: int) -> str:
    """Returns milliseconds since 1970 as `2026-01-31T09:30:00.000Z`."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_format_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=8)
def _format_second(second: int) -> str:
    return f"{_EPOCH + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"


def is_event_time(milliseconds: int) -> bool:
    """Reports whether an event can have this time."""
    return _FIRST <= milliseconds <= _LAST


def parse_time(value: object) -> int | None:
    """Returns the milliseconds since 1970 of an aware datetime or RFC 3339 string, rounded down.

    An integer is such milliseconds itself. None if it is none of these, has no offset from UTC, or
    does not exist.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if is_event_time(value) else None
    try:
        moment = _parsed(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            return None
        return (moment - _EPOCH) // _MILLISECOND
    except Exception as error:  # no such date, or a tzinfo of the caller's own that raises
        if is_interruption(error):
            raise
        return None


def _parsed(text: str) -> datetime | None:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        int(second),
        int((fraction or "0").ljust(6, "0")[:6]),
        timezone(-offset if sign == "-" else offset),
    )

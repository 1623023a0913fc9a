"""The types of arguments that several commands take."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

_LONGEST = 18
_HIGHEST_PORT = 65_535
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def limit(text: str) -> int:
    """Parses how many lines to list."""
    if not text.isdecimal() or len(text) > _LONGEST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


def month(text: str) -> date:
    """Parses a month, and returns its first day."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a month such as 2026-03, got {text!r}") from None


def bound(text: str) -> date | datetime:
    """Parses a date, or a time with its offset from UTC."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise argparse.ArgumentTypeError(
        f"must be a date such as 2026-03-01, or a time such as 2026-03-01T06:00:00Z, got {text!r}"
    )


def time(text: str) -> datetime:
    """Parses a time, or the date that it begins; UTC unless it has an offset."""
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        raise argparse.ArgumentTypeError(
            f"must be a time such as 2026-03-01, got {text!r}"
        ) from None


def positive(kind: type[int | float]) -> Callable[[str], float]:
    """Returns how to parse an int or a float above 0."""
    what = "a whole number" if kind is int else "a number"

    def read(text: str) -> float:
        value = _finite(kind, text)
        if value is None or value <= 0:
            raise argparse.ArgumentTypeError(f"must be {what} above 0, got {text!r}")
        return value

    return read


def at_least(kind: type[int | float], least: float) -> Callable[[str], float]:
    """Returns how to parse an int or a float that is not lower."""

    def read(text: str) -> float:
        value = _finite(kind, text)
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"must be a number from {least:g}, got {text!r}")
        return value

    return read


def port(text: str) -> int:
    """Parses a port; 0 picks a free one."""
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be 0 to {_HIGHEST_PORT}, got {text!r}")
    return int(text)


def address(text: str) -> tuple[str, int]:
    """Parses HOST:PORT, where an address of IPv6 is in brackets."""
    host, _, number = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not number.isdecimal() or int(number) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, got {text!r}")
    return host, int(number)


def name(text: str) -> str:
    """Parses a name, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _finite(kind: type[int | float], text: str) -> float | None:
    try:
        value = kind(text)
    except ValueError:
        return None
    return value if abs(value) < math.inf else None

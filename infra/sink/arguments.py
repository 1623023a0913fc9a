"""The types of arguments that several commands take."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, date, datetime

_LONGEST = 18
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

"""Plain data of the files; durations stay text until `milliseconds` parses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]

_DURATION = re.compile(r"([1-9][0-9]*)(ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# A hundred years: today plus or minus that is a date that every language can represent.
LONGEST_DURATION = "36500d"


def milliseconds(duration: str) -> int:
    """Returns a duration such as `7d` in milliseconds; raises ValueError for other texts."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(match[1]) * _MILLISECONDS[match[2]]

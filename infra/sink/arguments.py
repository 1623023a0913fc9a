"""The types of arguments that several commands take."""

from __future__ import annotations

import argparse

_LONGEST = 18


def limit(text: str) -> int:
    """Parses how many lines to list."""
    if not text.isdecimal() or len(text) > _LONGEST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)

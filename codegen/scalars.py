"""The value of a plain YAML scalar if YAML 1.1 and 1.2 agree on it, otherwise None.

`no` is false to one reader and text to another, `1.10` loses its zero, `0x1F` is 31 or text. Such a
scalar becomes None, which no schema here accepts: its author has to decide, by quoting it.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"

_WORDS: dict[str, bool | None] = {"true": True, "false": False}
_WORDS |= dict.fromkeys(("", "~", "=", "<<"))
_WORDS |= {
    form: None
    for word in ("null", "yes", "no", "on", "off", "y", "n", "true", "false")
    for form in (word, word.capitalize(), word.upper())
    if form not in _WORDS
}

# Thirty digits are beyond any limit here, and far below the limit of int().
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,29})")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,29})\.[0-9]{1,30}([eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\s].*)?")
_NUMBER = re.compile(
    r"""[-+]? ( 0x[0-9a-f_]+ | 0o?[0-7_]+ | 0b[01_]+
              | [0-9][0-9_]* (\.[0-9_]*)? (e[-+]?[0-9]+)?
              | \.[0-9][0-9_]* (e[-+]?[0-9]+)?
              | [0-9][0-9_]* (:[0-5]?[0-9])+ (\.[0-9_]*)?
              | \.inf )
        | \.nan""",
    re.VERBOSE | re.IGNORECASE,
)


def plain(text: str) -> Scalar:
    """Returns the value of an unquoted scalar, or None if YAML readers disagree on it."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) and value % 1 else None
    return None if _NUMBER.fullmatch(text) or _DATE.fullmatch(text) else text


def is_number(text: str) -> bool:
    """Reports whether some YAML reader parses an unquoted scalar as a number."""
    return _NUMBER.fullmatch(text) is not None


def describe(text: str) -> str:
    """Returns what a YAML reader may parse an unquoted scalar as."""
    word = text.lower()
    if word in ("null", "~"):
        return "null"
    if text in _WORDS:
        return "a merge" if word == "<<" else "a boolean"
    return "a date" if _DATE.fullmatch(text) else "a number"

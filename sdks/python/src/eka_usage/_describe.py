"""Values and errors as messages show them: short, on one line, and never failing."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import cast

from . import _number
from ._interrupts import SuppressErrors, is_interruption

_MAX_LENGTH = 80
_MAX_ERROR_LENGTH = 1_000
_MAX_LISTED = 12
# Controls, C1 controls, line separators, lone surrogates, and what changes the direction of text.
_HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """Returns foreign text without what could forge a line, hide or reorder text in an output."""
    return _HIDDEN.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def describe_value(value: object) -> str:
    """Returns a value as an error message shows it."""
    kind = type(value)  # unlike __class__, nothing overrides it
    try:
        if issubclass(kind, str):
            return _quoted(cast("str", value))
        if issubclass(kind, bytes):
            printed = bytes.__repr__(bytes.__getitem__(cast("bytes", value), slice(_MAX_LENGTH)))
        elif value is None or issubclass(kind, (bool, float)):
            printed = repr(value)
        elif issubclass(kind, (int, Decimal)) and not _number.is_longer(value, _MAX_LENGTH):
            printed = str(value)
        else:
            return _kind(value)
    except Exception as error:  # a subclass may raise anything
        if is_interruption(error):
            raise
        return _kind(value)
    return printable(_cut(printed, _MAX_LENGTH))


def _quoted(text: str) -> str:
    beginning = str.__getitem__(text, slice(_MAX_LENGTH))
    inside = beginning.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{printable(inside)}'{'…' if str.__len__(text) > _MAX_LENGTH else ''}"


def _kind(value: object) -> str:
    return f"of type {printable(_cut(type(value).__name__, _MAX_LENGTH))}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def describe_error(error: BaseException) -> str:
    """Returns an exception of other code as an error message shows it."""
    kind = type(error).__name__
    try:
        return printable(_cut(f"{kind}: {error}", _MAX_ERROR_LENGTH))
    except Exception as raised:  # its __str__ may raise anything
        if is_interruption(raised):
            raise
        return printable(kind)


def suggest(given: object, allowed: tuple[str, ...]) -> str:
    """Returns `did you mean 'api_call'?`, or what is allowed if nothing is close."""
    with SuppressErrors():  # even its class may raise
        if isinstance(given, str):
            close = _closest(str.__str__(given)[:_MAX_LENGTH].lower(), allowed)
            if close is not None:
                return f"did you mean {close!r}?"
    listed = ", ".join(map(repr, allowed[:_MAX_LISTED]))
    more = f" and {len(allowed) - _MAX_LISTED} more" if len(allowed) > _MAX_LISTED else ""
    return f"expected one of {listed}{more}"


@lru_cache(maxsize=256)  # a wrong name comes in a loop, and must not slow down the service
def _closest(given: str, allowed: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches  # takes time to import, and only errors need it

    return next(iter(get_close_matches(given, allowed, 1)), None)

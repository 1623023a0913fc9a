"""Values and errors as messages show them: short, on one line, and never failing."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from ._interrupts import SuppressErrors, is_interruption

_MAX_LENGTH = 80
_MAX_NUMBER = 10**_MAX_LENGTH
_MAX_LISTED = 12


def describe_value(value: object) -> str:
    """Returns a value as an error message shows it."""
    try:
        if isinstance(value, (str, bytes)):
            printed = ascii(value[:_MAX_LENGTH]) if len(value) > _MAX_LENGTH else repr(value)
        elif value is None or isinstance(value, (bool, float)):
            printed = repr(value)
        elif isinstance(value, (int, Decimal)) and -_MAX_NUMBER < value < _MAX_NUMBER:
            printed = str(value)
        else:
            return f"of type {type(value).__name__}"
    except Exception as error:  # a subclass may raise anything
        if is_interruption(error):
            raise
        return f"of type {type(value).__name__}"
    return printed if len(printed) <= _MAX_LENGTH else f"{printed[:_MAX_LENGTH]}…"


def describe_error(error: BaseException) -> str:
    """Returns an exception of other code as an error message shows it."""
    kind = type(error).__name__
    try:
        return f"{kind}: {error}"
    except Exception as raised:  # its __str__ may raise anything
        if is_interruption(raised):
            raise
        return kind


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

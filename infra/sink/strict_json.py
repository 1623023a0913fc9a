"""Parses JSON strictly: exact numbers, no key twice, nothing that JSON does not have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

_SHOWN = 64
_LONGEST_FLOAT = 24


def parse_json(document: bytes) -> Any:
    """Returns the value of a JSON document; a number that a float may not hold is a decimal.

    Parsers disagree on which of two equal keys counts, and doubles do not hold every decimal, so
    that either could be another amount than was sent.

    Raises:
        ValueError: it is not JSON, has a key twice, or is nested too deeply; the text says so.
    """
    text = decode(document)
    try:
        return DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:  # the decoder's own, or an integer with thousands of digits
        raise ValueError(f"not JSON: {error}" if text else "it is empty") from None


def decode(document: bytes) -> str:
    """Returns the text of a document; a ValueError says where it is not UTF-8."""
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8, from byte {error.start} on") from None


def _exact(text: str) -> float | Decimal:
    """Returns a float, which takes less time to check and to encode, if it has these digits."""
    if len(text) <= _LONGEST_FLOAT and repr(number := float(text)) == text:
        return number
    return Decimal(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                text = repr(key)
                shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
                raise ValueError(f"the key {shown} appears twice in one object")
            seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_exact, parse_constant=_refuse_constant
)

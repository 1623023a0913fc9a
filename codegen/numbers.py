"""Numbers as the SDKs write them into events, which is how ECMAScript does."""

from __future__ import annotations

import json
from decimal import Decimal


def ecmascript(number: float | Decimal) -> str:
    """Returns a number as ECMAScript's Number::toString writes it, from its shortest digits."""
    value = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if value < 0:
        return f"-{ecmascript(-value)}"
    scientific = f"{value.normalize():e}"
    digits, _, exponent = scientific.partition("e")
    digits = digits.replace(".", "").rstrip("0")
    power = int(exponent)
    if not digits:
        return "0"
    if power >= 21 or power < -6:
        fraction = f".{digits[1:]}" if digits[1:] else ""
        return f"{digits[0]}{fraction}e{'+' if power > 0 else ''}{power}"
    return f"{value.normalize():f}"


def scalar(value: object) -> str:
    """Returns a scalar of the catalog as JSON, as the SDKs write the same value in an event."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ecmascript(value)
    return json.dumps(value, ensure_ascii=False)

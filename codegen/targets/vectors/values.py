"""Expected values, computed independently of the SDKs: JSON, ECMAScript numbers, partitions."""

from __future__ import annotations

import json
from decimal import Decimal


def text(value: str) -> str:
    """Returns a string as JSON with the minimal escapes of RFC 8785."""
    return json.dumps(value, ensure_ascii=False)


def json_text(value: object) -> str:
    """Returns any JSON value without spaces, its keys in order."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{text(key)}:{json_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ecmascript(value)
    return json.dumps(value, ensure_ascii=False)


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


def partition(key: str, partitions: int) -> int:
    """Returns the partition of a key: murmur2 as in Java's clients, without its sign."""
    data = key.encode()
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions

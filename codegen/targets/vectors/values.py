"""Expected values, computed independently of the SDKs: JSON and partitions."""

from __future__ import annotations

import json

from codegen.numbers import ecmascript

# json.dumps() makes an encoder at every call with arguments.
_encode = json.JSONEncoder(ensure_ascii=False).encode


def text(value: str) -> str:
    """Returns a string as JSON with the minimal escapes of RFC 8785."""
    return _encode(value)


def json_text(value: object) -> str:
    """Returns any JSON value without spaces, its keys in order."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{text(key)}:{json_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ecmascript(value)
    return _encode(value)


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

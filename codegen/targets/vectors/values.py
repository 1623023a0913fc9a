"""Expected values, computed independently of the SDKs: JSON and partitions."""

from __future__ import annotations

import hashlib
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


def digest(value: object) -> str:
    """Returns what stands in place of a value about a person."""
    return f"sha256:{hashlib.sha256(json_text(_ordered(value)).encode()).hexdigest()}"


def _ordered(value: object) -> object:
    """Returns a value whose objects have their keys in the order of code points."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


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

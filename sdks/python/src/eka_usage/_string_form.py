"""The string form of a value that JSON does not have, unless it may take long to make."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

from ._generated.limits import METADATA_MAX_BYTES
from ._interrupts import is_interruption

_MOST_VALUES = 1_000
_MOST_BUFFERED = 1_024
_TEXTS = (str, bytes, bytearray)
_COLLECTIONS = (list, tuple, set, frozenset, dict, deque)
_type_of: Callable[[Any], Any] = type


def least_length(value: Any) -> int:
    """Returns how long the string form of a text or a collection is at least."""
    return len(value) if issubclass(_type_of(value), (*_TEXTS, *_COLLECTIONS)) else 0


def string_form(value: object) -> str:
    """Returns `str(value)`; `<type>` if that may be long, or raises.

    What a `__str__` of the caller's own computes takes its own time.
    """
    try:
        if _is_short(value):
            return str(value)
    except Exception as error:  # its own methods may raise anything
        if is_interruption(error):
            raise
    return f"<{_type_of(value).__name__}>"


def _is_short(value: Any) -> bool:
    """Reports whether what a value consists of is short, without calling its methods."""
    kind = _type_of(value)
    if not issubclass(kind, (*_TEXTS, *_COLLECTIONS)) and _has_length(kind):
        return kind is range or _is_short_buffer(value)
    left: list[Any] = [value, getattr(value, "__dict__", None), getattr(value, "args", None)]
    size = 0
    for count in range(_MOST_VALUES):
        if not left:
            return size <= METADATA_MAX_BYTES
        part = left.pop()
        kind = _type_of(part)
        if issubclass(kind, _TEXTS):
            size += len(part)
        elif issubclass(kind, int):
            size += part.bit_length() // 3
        elif issubclass(kind, _COLLECTIONS):
            if len(part) > _MOST_VALUES - count:
                return False
            left.extend(_parts(part))
    return False


def _has_length(kind: type) -> bool:
    return any("__len__" in base.__dict__ for base in kind.__mro__)  # not of the class, as an Enum


def _is_short_buffer(value: Any) -> bool:
    """Reports whether this is a short array; rows that are still to be queried are none."""
    try:
        view = memoryview(value)
    except TypeError:
        return False
    return view.nbytes <= _MOST_BUFFERED and "O" not in view.format


def _parts(collection: Any) -> Iterable[Any]:
    if issubclass(_type_of(collection), dict):
        return (part for item in collection.items() for part in item)
    return cast("Iterable[Any]", collection)

"""Metadata as JSON text, as much of it as can be encoded.

Quantities are exact, metadata is best effort: a value that cannot be encoded becomes its string
form, and metadata that is too large is replaced by a marker. What was lost is described once.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any, cast

import msgspec

from . import _number
from ._describe import describe_value
from ._generated.catalog import LOG_LEVEL_KEY, LOG_MESSAGE_KEPT, LOG_MESSAGE_KEY
from ._generated.limits import (
    METADATA_MAX_BYTES,
    METADATA_MAX_DEPTH,
    METADATA_OVERSIZE,
    METADATA_TOO_DEEP,
)
from ._interrupts import SuppressErrors, is_interruption
from ._json_text import encode, escape_json, is_well_formed, well_formed
from ._models import fields_of, is_model
from ._string_form import least_length, string_form
from ._text import is_uuid

NOTHING: Mapping[str, str] = {}
# Objects have no order in JSON, nor in Go.
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_MARKER: Mapping[str, Any] = msgspec.json.decode(METADATA_OVERSIZE)
# With more keys than this, or with longer texts, metadata that is too large is found before all of
# it is encoded.
_FEW = 64
_LONG = 2 * METADATA_MAX_BYTES // _FEW
_LOG_KEYS = (LOG_LEVEL_KEY, LOG_MESSAGE_KEY)
_INT64 = 2**63
# So many keys take more bytes than metadata may have: five each, with quotes, value and comma.
_MOST_KEYS = 1 + METADATA_MAX_BYTES // 5
_LISTS = frozenset({list, tuple})
_CONTAINERS = frozenset({list, tuple, dict})
_SHORT = frozenset({bool, float, int, type(None)})
_SCALARS = frozenset({bool, type(None)})
# Unlike __class__, it cannot be overridden.
_type_of: Callable[[Any], Any] = type


def metadata_text(
    metadata: Mapping[Any, Any],
    kept: tuple[str, ...] = (),
    pii: tuple[tuple[str, str], ...] = (),
    spare: Mapping[str, str] = NOTHING,
) -> tuple[str, str]:
    """Returns metadata as it is between the quotes of a JSON string, and what was lost, or "".

    `kept` names the keys that stay beside the marker if the rest is too large; so do those of
    log(), with the beginning of the message. `pii` has what becomes of the keys about persons,
    `spare` the values that are left out before anything else is cut.
    """
    if not pii and _is_plain(metadata):
        try:
            text = encode(metadata)
            if len(text) <= METADATA_MAX_BYTES:
                return escape_json(text.decode()), ""
        except (ValueError, OverflowError):  # a lone surrogate, or an integer of too many digits
            pass
    return _best_effort(metadata, kept, dict(pii), spare)


def log_metadata(metadata: Any, level: str, message: object) -> Any:
    """Returns the metadata of a log(): the caller's, with its level and its message."""
    words = {LOG_LEVEL_KEY: level, LOG_MESSAGE_KEY: message}
    return words if metadata is None else _merged(metadata, words, metadata)


def merged_metadata(below: Any, above: Any) -> Any:
    """Returns metadata with that of a call on top, which wins key by key."""
    if above is None:
        return below
    with SuppressErrors():
        given = fields_of(above) if is_model(above) else above
        if isinstance(given, Mapping):
            return _merged(below, cast("Any", given), above)
    return cast("object", above)  # to be rejected, as record() rejects it


def _merged(below: Any, above: Mapping[Any, Any], otherwise: object) -> Any:
    with SuppressErrors():  # even reading its class may raise
        given = fields_of(below) if is_model(below) else below
        few = _type_of(given) is _type_of(above) is dict
        if few and len(given) + len(above) <= _FEW + len(_LOG_KEYS):
            return {**given, **above}
        if isinstance(given, Mapping):
            return _Merged(cast("Any", given), above)
    return otherwise


class _Merged(Mapping[Any, Any]):
    """A mapping with the values of another on top. Unlike a ChainMap it never copies all keys."""

    def __init__(self, below: Mapping[Any, Any], above: Mapping[Any, Any]) -> None:
        self._below = below
        self._above = above

    def __getitem__(self, key: Any) -> Any:
        return self._above[key] if key in self._above else self._below[key]

    def __iter__(self) -> Iterator[Any]:
        yield from (key for key, _ in _items(self._below))
        yield from (key for key in self._above if key not in self._below)

    def __len__(self) -> int:
        return len(self._below) + sum(key not in self._below for key in self._above)


def _is_plain(metadata: Mapping[Any, Any]) -> bool:
    """Reports whether the encoder writes it as RFC 8785 does, as it does most metadata."""
    if _type_of(metadata) is not dict or len(metadata) > _FEW:
        return False
    for key, value in metadata.items():
        kind = _type_of(value)
        if (_type_of(key) is not str or len(key) > _LONG) or not (
            (kind is str and len(value) <= _LONG)
            or (kind is int and -_number.PLAIN < value < _number.PLAIN)
            or kind is bool
            or value is None
            or (kind is float and _number.is_plain(value))
        ):
            return False
    return True


def _best_effort(
    metadata: Mapping[Any, Any],
    kept: tuple[str, ...],
    pii: Mapping[str, str],
    spare: Mapping[str, str],
) -> tuple[str, str]:
    reader = _Reader(pii)
    try:
        text = encode(reader.mapping(metadata, (), ()))
    except _OversizeError:
        text = b""
    except Exception as error:  # its own methods may raise anything
        if is_interruption(error):
            raise
        reader.lost.append(f"it could not be read: {type(error).__name__}")
        text = b"{}"
    if not text or len(text) > METADATA_MAX_BYTES:
        if spare:
            with SuppressErrors():
                return _best_effort(_without(metadata, spare), kept, pii, NOTHING)
        reader.lost.insert(0, f"it was cut, as it exceeds {METADATA_MAX_BYTES} bytes")
        text = _cut(metadata, kept, pii)
    return escape_json(text.decode()), "; ".join(reader.lost)


def _without(metadata: Mapping[Any, Any], spare: Mapping[str, str]) -> Mapping[Any, Any]:
    """Returns metadata without values that were added, or as many of its keys as are too large."""
    items = islice(_items(metadata), _MOST_KEYS + len(spare))
    return {key: value for key, value in items if key not in spare or value != spare[key]}


def _cut(metadata: Mapping[Any, Any], kept: tuple[str, ...], pii: Mapping[str, str]) -> bytes:
    with SuppressErrors():  # the marker alone is better than no event
        found = {key: metadata[key] for key in kept}
        for key in (LOG_LEVEL_KEY, LOG_MESSAGE_KEY):
            if key not in found and isinstance(words := metadata.get(key), str):
                found[key] = words if key in pii else words[:LOG_MESSAGE_KEPT]
        values = _Reader(pii).mapping(found, (), ())
        text = encode({**_MARKER, **values})
        if len(text) <= METADATA_MAX_BYTES:
            return text
    return METADATA_OVERSIZE.encode()


def _not_finite(value: float | Decimal) -> str:
    text = str(value).lower()  # a signalling NaN supports nothing else
    if "nan" in text:
        return "NaN"
    return "-Infinity" if text.startswith("-") else "Infinity"


def _items(value: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns the items lazily: metadata that is too large is not read to its end."""
    if _type_of(value) is not ChainMap:
        return value.items()
    # A ChainMap copies the keys of all its maps first.
    return ((key, value[key]) for key in dict.fromkeys(islice(_keys(value), _MOST_KEYS)))


def _keys(value: Any) -> Iterator[Any]:
    for each in reversed(value.maps):
        yield from each


class _OversizeError(Exception):
    pass


class _Reader:
    """Converts any value to what the encoder writes as RFC 8785 does, and records what is lost."""

    def __init__(self, pii: Mapping[str, str] = NOTHING) -> None:
        self._pii = pii
        self.lost: list[str] = []
        self._left = METADATA_MAX_BYTES

    def mapping(
        self,
        value: Mapping[Any, Any],
        path: tuple[str, ...],
        above: tuple[int, ...],
        identity: int | None = None,
    ) -> dict[str, Any]:
        inside = (*above, id(value) if identity is None else identity)
        found: dict[str, Any] = {}
        taken: dict[str, int] = {}
        for key, item in _items(value):
            name = self._string(key) if isinstance(key, str) else self._form(key, (*path, "key"))
            if not path and name in self._pii:
                kept = self._digest(name, item, inside)
                if kept is None:
                    continue
            else:
                kept = item
            if name in found:
                name = self._renamed(name, found, taken, path)
            found[name] = self._value(kept, (*path, name), inside)
        return found

    def _digest(self, name: str, value: Any, above: tuple[int, ...]) -> str | None:
        """Returns what stands in place of a value about a person, or None if nothing does.

        A value has a limit of its own, so that a long one does not cut what is beside its hash.
        """
        if self._pii[name] != "hash":
            return None
        reader = _Reader()
        try:
            text = _encode_sorted(reader._value(value, (name,), above))
        except _OversizeError:
            text = b""
        if not text or len(text) > METADATA_MAX_BYTES:
            self._lose((name,), f"was left out, as it exceeds {METADATA_MAX_BYTES} bytes")
            return None
        self.lost.extend(reader.lost[: 3 - len(self.lost)])
        return f"sha256:{sha256(text).hexdigest()}"

    def _renamed(
        self, name: str, found: Mapping[str, Any], taken: dict[str, int], path: tuple[str, ...]
    ) -> str:
        """Returns another name for a key whose text is that of an earlier one.

        `taken` has the last number of each name, so that many such keys take linear time.
        """
        while True:
            taken[name] = taken.get(name, 1) + 1
            renamed = f"{name}~{taken[name]}"
            if renamed not in found:
                self._spend(len(renamed))
                self._lose((*path, renamed), "was renamed, as another key has its name")
                return renamed

    def _value(self, value: Any, path: tuple[str, ...], above: tuple[int, ...]) -> Any:
        self._spend(2)  # no value is shorter, with its separator
        kind = _type_of(value)
        if (
            value is None
            or kind is bool
            or (kind is int and -_INT64 <= value < _INT64)
            or (kind is float and _number.is_plain(value))
        ):
            return value
        if isinstance(value, str):
            return self._string(value)
        if kind in _CONTAINERS or isinstance(value, (Mapping, list, tuple)) or is_model(value):
            return self._container(cast("Any", value), path, above)
        if isinstance(value, date):
            return value.isoformat()
        if is_uuid(value):
            return str(value)
        if _number.is_longer(value, METADATA_MAX_BYTES):
            raise _OversizeError
        exact = _number.exact(value)
        if exact is not None:
            text = _number.text(exact)
            self._spend(len(text))
            return msgspec.Raw(text.encode())
        if isinstance(value, (float, Decimal)):
            self._lose(path, "is not a finite number")
            return _not_finite(value)
        return self._form(value, path)

    def _container(self, value: Any, path: tuple[str, ...], above: tuple[int, ...]) -> Any:
        if id(value) in above or len(above) >= METADATA_MAX_DEPTH:
            self._lose(path, "contains itself" if id(value) in above else "is nested too deeply")
            return METADATA_TOO_DEEP
        kind = _type_of(value)
        if kind in _LISTS and self._holds_scalars(value):
            return value
        if kind not in _CONTAINERS and is_model(value):
            return self.mapping(fields_of(value), path, above, id(value))
        if kind is dict or isinstance(value, Mapping):
            return self.mapping(cast("Any", value), path, above)
        inside = (*above, id(value))
        return [self._value(item, (*path, str(i)), inside) for i, item in enumerate(value)]

    def _holds_scalars(self, value: list[Any] | tuple[Any, ...]) -> bool:
        """Reports whether the encoder writes all values as they are, without a look at each."""
        least = 2 * len(value)
        if least > self._left:
            raise _OversizeError
        kinds = set(map(_type_of, value))
        if kinds == {int}:
            kinds = {bool} if min(value) >= -_INT64 and max(value) < _INT64 else kinds
        if not kinds <= _SCALARS:
            return False
        self._spend(least)
        return True

    def _string(self, value: str) -> str:
        self._spend(str.__len__(value))
        text = str.__str__(value)
        return text if is_well_formed(text) else well_formed(text)

    def _form(self, value: Any, path: tuple[str, ...]) -> str:
        kind = type(value).__name__
        self._lose(path, f"of type {kind} became a string")
        if _type_of(value) in _SHORT and not _number.is_huge(value):
            return self._string(str(value))
        self._spend(least_length(value))  # before its string form is made, which takes time
        return self._string(string_form(value))

    def _lose(self, path: tuple[str, ...], what: str) -> None:
        if len(self.lost) < 3:
            self.lost.append(f"{describe_value('.'.join(path))} {what}")

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _OversizeError

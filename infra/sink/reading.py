"""Validates each kind of field, and converts it to the form that its column takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from infra.sink import number
from infra.sink._generated.fields import FIRST_YEAR, LAST_YEAR
from infra.sink.field import Field

_CANONICAL_TIME = len("2006-01-02T15:04:05.000Z")
_Time = Annotated[datetime, Meta(tz=True)]
_INTEGER_LIMIT = 2**64
_CACHED = 4096
_LONGEST_TIME = 64
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"
_NOT_BLANK = r"\S"


def _string(field: Field) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.strip():
            raise ValueError(f"{field.name} must not be blank")
        return text

    return read


def _name(field: Field) -> Callable[[str], str]:
    # Most events have one of a few names, which takes less time to look up than to match. What
    # does not match is not kept.
    matches = re.compile(_pattern(field) or _NOT_BLANK).search
    checked = _string(field) if field.min_length else str

    @lru_cache(_CACHED)
    def read(text: str) -> str:
        if not matches(text):
            raise ValueError(f"{field.name} must match {field.pattern}")
        return checked(text)

    return read


def _integer(field: Field) -> Callable[[int], int]:
    # ClickHouse would silently store the value modulo 2**64.
    def read(value: int) -> int:
        if value >= _INTEGER_LIMIT:
            raise ValueError(f"{field.name} does not fit {field.column}: {value}")
        return value

    return read


def _json(field: Field) -> Callable[[str], str]:
    most = field.max_bytes or sys.maxsize
    parse = msgspec.json.Decoder(dict[str, Raw]).decode

    def read(text: str) -> str:
        if len(text.encode()) > most:
            raise ValueError(f"{field.name} must have at most {most:,} bytes")
        try:
            parse(text)
        except msgspec.DecodeError as error:
            raise ValueError(f"{field.name} must hold a JSON object: {error}") from None
        return text

    return read


def _timestamp(field: Field) -> Callable[[str], str]:
    # Many events share a millisecond, and most events have the same time twice.
    @lru_cache(_CACHED)
    def read(text: str) -> str:
        if len(text) > _LONGEST_TIME:
            raise ValueError(f"{field.name} must be a time, got {len(text)} characters")
        try:
            time = msgspec.convert(text, _Time)
        except msgspec.ValidationError as error:
            raise ValueError(f"{field.name}: {error}: {text[:_CANONICAL_TIME]!r}") from None
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise ValueError(f"{field.name} does not fit {field.column}: {text!r}")
        if len(text) == _CANONICAL_TIME and text[10] == "T" and text[-1] == "Z":
            return text
        utc = time.astimezone(UTC).replace(tzinfo=None)
        return f"{utc.isoformat(timespec='milliseconds')}Z"

    return read


def _list(field: Field) -> Callable[[list[str]], list[str]]:
    most = field.max_bytes or sys.maxsize

    def read(items: list[str]) -> list[str]:
        if len(msgspec.json.encode(items)) > most:
            raise ValueError(f"{field.name} must have at most {most:,} bytes")
        return items

    return read


def _type(field: Field) -> Any:
    match field.kind:
        case "number":
            return Raw
        case "flag":
            return Literal[0, 1]
        case "boolean":
            return bool
        case "integer":
            return Annotated[int, Meta(ge=int(field.minimum or 0), le=_most(field))]
        case "enum":
            return Literal[field.values]
        case "json" | "timestamp":
            return str
        case _:
            return _text(field)


def _text(field: Field) -> Any:
    pattern = None if _is_name(field) else _pattern(field)
    if field.kind == "uuid":
        pattern = _UUID
    elif not field.required:
        pattern = pattern or _NOT_BLANK
    limits = Meta(min_length=field.min_length, max_length=field.max_length, pattern=pattern)
    text = Annotated[str, limits]
    if field.kind == "list":
        return Annotated[list[text], Meta(min_length=field.min_items, max_length=field.max_items)]
    return text


def _is_name(field: Field) -> bool:
    return field.kind == "string" and field.required and field.pattern is not None


def _pattern(field: Field) -> str | None:
    # In Python, $ also matches before a line break at the end.
    return field.pattern and field.pattern.replace("$", r"\Z")


def _most(field: Field) -> int | None:
    return None if field.maximum is None else int(field.maximum)


def declared(field: Field) -> tuple[Any, ...]:
    """Returns the field of a Struct: msgspec checks its type, and leaves a number as text.

    A field that an event lacks is absent from the row as well, which then equals the message.
    ClickHouse inserts the column's default.
    """
    kind = _type(field) | None if field.nullable and field.kind != "number" else _type(field)
    return (field.name, kind) if field.required else (field.name, kind | UnsetType, UNSET)


def reader(field: Field) -> Callable[[Any], Any] | None:
    """Returns a function from the decoded value to what the column takes.

    It checks what msgspec cannot, or not as fast, and raises ValueError with the name of the field.
    None where nothing is left to check.
    """
    match field.kind:
        case "number":
            return number.reader(field)
        case "integer":
            return _or_null(field, _integer(field))
        case "json":
            return _or_null(field, _json(field))
        case "timestamp":
            return _or_null(field, _timestamp(field))
        case "list" if field.max_bytes:
            return _or_null(field, _list(field))
        case "string" if _is_name(field):
            return _or_null(field, _name(field))
        case "string" if field.min_length and field.required:
            return _or_null(field, _string(field))
        case _:
            return None


def _or_null(field: Field, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not field.nullable:
        return read
    return lambda value: None if value is None else read(value)

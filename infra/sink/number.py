"""Numbers as exact text for Decimal columns, without a float in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from functools import lru_cache

from msgspec import Raw

from infra.sink.field import Field

_PLAIN = re.compile(rb"-?[0-9]+(?:\.([0-9]+))?")
_SCALE = re.compile(r"Decimal\([0-9]+, ([0-9]+)\)")
_CACHED = 4096
_SHORT = 64
# The digits of ClickHouse's widest Decimal.
_DIGITS = 76


def reader(field: Field) -> Callable[[Raw], Raw]:
    """Returns a function from a number's JSON text to the text for the field's column.

    Decimals beyond the column's scale are truncated, not rounded: ClickHouse reads a Decimal from
    JSON that way, and a row must not depend on which sink stored it. 0.1 + 0.2 is stored as 0.3,
    the smallest float as 0. The function raises ValueError for what the field does not allow.
    """
    cached = lru_cache(_CACHED)(_reader(field))
    uncached = cached.__wrapped__

    def read(raw: Raw) -> Raw:
        text = bytes(raw)
        return (cached(text) if len(text) <= _SHORT else uncached(text)) or raw

    return read


def _reader(field: Field) -> Callable[[bytes], Raw | None]:
    """Returns a function to the text for the column; None if that is the number's own."""
    found = _SCALE.search(field.column)
    scale = int(found[1]) if found else 0
    last = Decimal(1).scaleb(-scale)
    context = Context(prec=_DIGITS, rounding=ROUND_DOWN)

    def read(text: bytes) -> Raw | None:
        if text == b"null":
            if field.nullable:
                return None
            raise ValueError(f"{field.name} must not be null")
        if not text[:1].isdigit() and text[:1] != b"-":
            raise ValueError(f"{field.name} must be a number: {_shortened(text)}")
        try:
            value = Decimal(text.decode())
            truncated = (
                value.quantize(last, context=context) if value.adjusted() >= -scale else Decimal()
            )
        except InvalidOperation:
            raise ValueError(
                f"{field.name} does not fit {field.column}: {_shortened(text)}"
            ) from None
        if field.minimum is not None and value < field.minimum:
            raise ValueError(f"{field.name} must be at least {field.minimum}: {_shortened(text)}")
        if field.maximum is not None and value > field.maximum:
            raise ValueError(f"{field.name} must be at most {field.maximum}: {_shortened(text)}")
        plain = _PLAIN.fullmatch(text)
        if plain and len(plain[1] or b"") <= scale:
            return None
        return Raw(f"{truncated:f}".encode())

    return read


def _shortened(text: bytes) -> str:
    return text[:_SHORT].decode() + ("…" if len(text) > _SHORT else "")

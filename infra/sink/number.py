"""Numbers as exact text: what Decimal columns are given, which no float ever touched."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from functools import lru_cache

from msgspec import Raw

from infra.sink.field import Field

_PLAIN = re.compile(rb"-?[0-9]+(?:\.([0-9]+))?")
_SCALE = re.compile(r"Decimal\([0-9]+, ([0-9]+)\)")
_REMEMBERED = 4096
_SHORT = 64
# As many as ClickHouse's widest Decimal has.
_DIGITS = 76


def reader(field: Field) -> Callable[[Raw], Raw]:
    """What makes the JSON text of a number into what the field's column takes, or ValueError.

    Decimals that the column has no room for are cut, not rounded: so ClickHouse reads a Decimal
    from JSON, and a row is the same by whichever sink it came. 0.1 + 0.2 is stored as 0.3, the
    smallest float as 0.
    """
    remembered = lru_cache(_REMEMBERED)(_reader(field))
    unremembered = remembered.__wrapped__

    def read(raw: Raw) -> Raw:
        text = bytes(raw)
        return remembered(text) if len(text) <= _SHORT else unremembered(text)

    return read


def _reader(field: Field) -> Callable[[bytes], Raw]:
    found = _SCALE.search(field.column)
    scale = int(found[1]) if found else 0
    last = Decimal(1).scaleb(-scale)
    context = Context(prec=_DIGITS, rounding=ROUND_DOWN)
    null = Raw(b"null")

    def read(text: bytes) -> Raw:
        if text == b"null":
            if field.nullable or not field.required:
                return null
            raise ValueError(f"{field.name} is null")
        if not text[:1].isdigit() and text[:1] != b"-":
            raise ValueError(f"{field.name} is no number: {_shown(text)}")
        try:
            value = Decimal(text.decode())
            cut = value.quantize(last, context=context) if value.adjusted() >= -scale else Decimal()
        except InvalidOperation:
            raise ValueError(f"{field.name} does not fit {field.column}: {_shown(text)}") from None
        if field.minimum is not None and value < field.minimum:
            raise ValueError(f"{field.name} is below {field.minimum}: {_shown(text)}")
        if field.maximum is not None and value > field.maximum:
            raise ValueError(f"{field.name} is above {field.maximum}: {_shown(text)}")
        plain = _PLAIN.fullmatch(text)
        if plain and len(plain[1] or b"") <= scale:
            return Raw(text)
        return Raw(f"{cut:f}".encode())

    return read


def _shown(text: bytes) -> str:
    return text[:_SHORT].decode() + ("…" if len(text) > _SHORT else "")

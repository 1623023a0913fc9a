"""The fields that an event lacks unless they are given: their checks, and their JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ._checks import Bounds, amount, rejects_with, usable_text
from ._clock import format_time, parse_time
from ._describe import suggest
from ._errors import ValidationError, invalid
from ._generated.errors import ErrorCode
from ._generated.fields import CLIENT_FIELDS, FIELDS, Field
from ._generated.fields import PER_CALL as _PER_CALL
from ._json_text import decode, escape
from ._metadata import metadata_text
from ._metric import Metric
from ._number import text as number_text
from ._text import is_uuid, name_text

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_MOST_TEXTS = 10_000

# From a value, and milliseconds since 1970, to JSON.
_Reader = Callable[[Any, int], str]

PER_CALL = frozenset(_PER_CALL)
_RECORD = frozenset((*(field.name for field in FIELDS if "record" in field.calls), *_PER_CALL))


def check_names(names: Collection[str]) -> None:
    """Raises a TypeError for an argument that `record()` has not, as Python itself would."""
    if not _RECORD.issuperset(names):
        name = next(name for name in names if name not in _RECORD)
        hint = suggest(name, tuple(_RECORD))
        raise TypeError(f"record() got an unexpected keyword argument {name!r}: {hint}")


def split(fields: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Returns what a call sets in place of the client, and its other fields."""
    own = {name: fields[name] for name in PER_CALL if fields.get(name) is not None}
    return own, {name: value for name, value in fields.items() if name not in PER_CALL}


def encode_fields(given: Mapping[str, Any], others: Collection[str], now: int) -> str:
    """Returns the given fields as they follow those of every event, each after a comma.

    Args:
        given: the fields by name; None is not given.
        others: the arguments that are given besides, which a field may exclude.
        now: milliseconds since 1970.

    Raises:
        ValidationError: the first invalid field, in the order of the schema.
    """
    # Most fields are strings without rules on others, given in the order of the schema.
    more, last = "", -1
    for name, value in given.items():
        place, texts = _PLAIN[name]
        if texts is None or type(value) is not str or place < last:
            return _encode(given, others, now)
        last = place
        try:
            more += texts[value]
        except ValidationError:
            return _encode(given, others, now)
    return more


def check_field_rules(metric: Metric, given: Mapping[str, Any]) -> None:
    """Checks fields against the rules of a metric type.

    Raises:
        ValidationError: the first that is missing or has another value, in the order of the schema.
    """
    for name, required, allowed in metric.fields:
        value = given.get(name)
        if value is None:
            if required:
                code = cast("ErrorCode", f"{name}.required")
                hint = f"{metric.product}/{metric.metric_type} requires it"
                raise ValidationError.of(code, hint=hint)
        elif allowed is not None:
            row = _ROWS[_ORDER[name]]
            texts = list(map(_scalar, allowed))
            if row.read(value, 0) not in texts:
                raise invalid(row.code, value, f"one of {', '.join(texts)}")


def _scalar(value: Any) -> str:
    """Returns a value of the catalog as JSON, as the event has it."""
    if isinstance(value, str):
        return f'"{escape(value)}"'
    return str(value).lower() if isinstance(value, bool) else number_text(value)


def encode_client_fields(values: Mapping[str, str | None]) -> str:
    """Returns the client's own fields as they follow those of every event."""
    named = [(field.name, values[field.name]) for field in CLIENT_FIELDS]
    return "".join(f',"{name}":"{escape(value)}"' for name, value in named if value is not None)


def is_billed(values: Mapping[str, str | None]) -> bool:
    """Reports whether a client with these fields has events that are billed."""
    return not any(
        field.billed and (value := values[field.name]) is not None and value not in field.billed
        for field in CLIENT_FIELDS
    )


def _encode(given: Mapping[str, Any], others: Collection[str], now: int) -> str:
    """Encodes any fields, in the order of the schema."""
    found: list[tuple[int, str]] = []
    for name in sorted(given, key=_ORDER.__getitem__):
        value = given[name]
        if value is not None:
            place = _ORDER[name]
            found.append((place, _ROWS[place].read(value, now)))
    _check_relations(found, given, others)
    return "".join([_ROWS[place].key + text for place, text in found])


def _check_relations(
    found: Sequence[tuple[int, str]], given: Mapping[str, Any], others: Collection[str]
) -> None:
    for place, _ in found:
        field = FIELDS[place]
        for name in field.excludes:
            if name in others or given.get(name) is not None:
                raise invalid(_ROWS[place].code, given[field.name], f"no {name} beside it")
    for place, text in found:
        field = FIELDS[place]
        for name in field.requires:
            if given.get(name) is None and not (field.when_not_zero and text == "0"):
                code = cast("ErrorCode", f"{name}.required")
                raise ValidationError.of(code, hint=f"{field.name} requires it")


def _string(field: Field, code: ErrorCode) -> _Reader:
    shortest, longest = field.min_length, field.max_length

    def read(value: Any, _: int) -> str:
        text = usable_text(value, shortest, longest)
        if text is None:
            hint = f"a non-blank string of {shortest} to {longest} characters"
            raise invalid(code, value, hint)
        return f'"{escape(text)}"'

    return read


class _Texts(dict[str, str]):
    """Valid strings of a field, as the event has them; bounded, as there may be any number."""

    def __init__(self, row: _Row) -> None:
        super().__init__()
        self._row = row

    def __missing__(self, value: str) -> str:
        text = self._row.key + self._row.read(value, 0)
        if len(self) >= _MOST_TEXTS:
            self.clear()
        self[value] = text
        return text


def _number(field: Field, code: ErrorCode) -> _Reader:
    is_integer = field.kind == "integer"
    bounds = Bounds(field.minimum, field.maximum, field.max_digits, is_integer)
    return lambda value, _: amount(code, value, bounds)


def _boolean(_: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, _: int) -> str:
        if not isinstance(value, bool):
            raise invalid(code, value, "True or False")
        return "true" if value else "false"

    return read


def _timestamp(field: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, now: int) -> str:
        time = parse_time(value)
        if (
            time is None
            or (field.ahead_ms is not None and time > now + field.ahead_ms)
            or (field.behind_ms is not None and time < now - field.behind_ms)
        ):
            hint = "an RFC 3339 time with an offset" + "".join(
                f", at most {limit} ms {side}"
                for limit, side in ((field.ahead_ms, "ahead"), (field.behind_ms, "behind"))
                if limit is not None
            )
            raise invalid(code, value if time is None else str(value), hint)
        return f'"{format_time(time)}"'

    return read


def _uuid(_: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, _: int) -> str:
        text = name_text(str(value) if is_uuid(value) else value)
        if text is None or not _UUID.fullmatch(text):
            raise invalid(code, value, "a UUID, such as 019c1345-f6c0-7000-8000-000000000001")
        return f'"{text.lower()}"'

    return read


def _enum(field: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, _: int) -> str:
        text = name_text(value)
        if text not in field.values:
            raise invalid(code, value, f"one of {', '.join(map(repr, field.values))}")
        return f'"{text}"'

    return read


def _list(field: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, _: int) -> str:
        text = ""
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
            items = list(cast("Any", value))
            if field.min_items <= len(items) <= field.max_items:
                text = _strings(items, field)
        if not text or len(text.encode()) > field.max_bytes:
            hint = (
                f"a list of {field.min_items} to {field.max_items} non-blank strings of"
                f" {field.min_length} to {field.max_length} characters, of at most"
                f" {field.max_bytes} bytes together"
            )
            raise invalid(code, cast("object", value), hint)
        return text

    return read


def _strings(items: list[object], field: Field) -> str:
    """Returns a list as JSON; "" if an item is invalid."""
    texts: list[str] = []
    for item in items:
        text = usable_text(item, field.min_length, field.max_length)
        if text is None:
            return ""
        texts.append(f'"{escape(text)}"')
    return f"[{','.join(texts)}]"


def _json(field: Field, code: ErrorCode) -> _Reader:
    def read(value: Any, _: int) -> str:
        if isinstance(value, Mapping):
            text, lost = metadata_text(cast("Any", value))
            whole = f'"{text}"'
            if not lost and len(decode(whole).encode()) <= field.max_bytes:
                return whole
        hint = f"a mapping that JSON can represent, in at most {field.max_bytes} bytes"
        raise invalid(code, cast("object", value), hint)

    return read


_KINDS: Mapping[str, Callable[[Field, ErrorCode], _Reader]] = {
    "string": _string,
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "uuid": _uuid,
    "enum": _enum,
    "list": _list,
    "json": _json,
}


class _Row(NamedTuple):
    key: str
    code: ErrorCode
    read: _Reader


def _row(field: Field) -> _Row:
    code = cast("ErrorCode", f"{field.name}.invalid")
    return _Row(f',"{field.name}":', code, rejects_with(code)(_KINDS[field.kind](field, code)))


def _texts(field: Field, row: _Row) -> _Texts | None:
    is_plain = field.kind == "string" and not field.excludes and not field.requires
    return _Texts(row) if is_plain else None


_ORDER = {field.name: place for place, field in enumerate(FIELDS)}
_ROWS = tuple(map(_row, FIELDS))
_PLAIN = {
    field.name: (place, _texts(field, row))
    for place, (field, row) in enumerate(zip(FIELDS, _ROWS, strict=True))
}

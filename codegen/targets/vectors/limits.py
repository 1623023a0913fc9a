"""Every limit of every argument: at its edge, one past it, and what lies on the way there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from codegen.model import Event, Field, Model, milliseconds
from codegen.targets.vectors.base import CLOCK, Case, caller_fields, text
from codegen.targets.vectors.values import ecmascript, partition

# One character of each width in UTF-8 and in UTF-16.
_WIDTHS = {"ascii": "a", "latin": "é", "cjk": "界", "astral": "😀"}
_OFFSETS = (0, 60, 330, 345, 840, 1439, -180, -210, -720, -1439)
_KEYS = 250
_MILLISECOND = timedelta(milliseconds=1)


def cases(model: Model) -> Iterator[Case]:
    """The limits of the arguments in the order of the call, then the partitions of keys."""
    for field in caller_fields(model.event):
        if field.type == "string" and field.catalog is None:
            yield from _lengths(field)
            yield from _characters(model.event, field)
        elif field.type == "number":
            yield from _numbers(field)
        elif field.type == "timestamp":
            yield from _times(field)
        elif field.type == "json":
            yield from _documents(field)
    usage = model.catalog.topic("usage")
    if usage.key is not None:
        for number in range(_KEYS):
            key = f"{'кключ-é'[number % 7]}ws{number * 7919}"
            yield {
                "id": f"partition/{number}",
                "call": {usage.key: key},
                "expect": {
                    "event": {usage.key: text(key)},
                    "partition": partition(key, usage.partitions),
                },
            }


def _refused(field: Field, what: str, value: object) -> Case:
    return {
        "id": f"limit/{field.name}/{what}",
        "call": {field.name: value},
        "expect": {"code": field.error, "field": field.name},
    }


def _kept(field: Field, what: str, value: object, became: str) -> Case:
    return {
        "id": f"limit/{field.name}/{what}",
        "call": {field.name: value},
        "expect": {"event": {field.name: became}},
    }


def _lengths(field: Field) -> Iterator[Case]:
    shortest, longest = field.limits["min_length"], field.limits["max_length"]
    yield _refused(field, "empty", "")
    for width, char in _WIDTHS.items():
        yield _kept(field, f"shortest-{width}", char * shortest, text(char * shortest))
        yield _kept(field, f"longest-{width}", _repeat(char, longest), text(char * longest))
        yield _refused(field, f"too-long-{width}", _repeat(char, longest + 1))


def _characters(event: Event, field: Field) -> Iterator[Case]:
    for char in event.blank:
        yield _refused(field, f"blank-{ord(char):04x}", char * field.limits["min_length"])
        yield _kept(field, f"begins-{ord(char):04x}", f"{char}x", text(f"{char}x"))
    controls = [chr(code) for code in range(0x20)]
    for char in (*controls, '"', "\\", "/", "<", "\x7f", "\ufeff", "\u200b"):
        yield _kept(field, f"holds-{ord(char):04x}", f"a{char}b", text(f"a{char}b"))


def _repeat(char: str, times: int) -> Case:
    return {"$": "repeat", "text": char, "times": times}


def _numbers(field: Field) -> Iterator[Case]:
    low, high = field.limits["minimum"], field.limits["maximum"]
    yield _refused(field, "below", low - 1)
    yield _refused(field, "above", float(high) * 1.0000000000000003)
    yield _kept(field, "lowest", low, ecmascript(low))
    yield _kept(field, "highest", float(high), ecmascript(float(high)))
    seen = {float(low), float(high)}
    for mantissa in ("1", "1.5", "9.999999999999999", "1.2345678901234567"):
        for power in (-324, -100, -10, -7, -6, -5, -4, -3, -1, 0, 1, 5, 15, 16, 17, 20, 21, 22):
            value = float(f"{mantissa}e{power}")
            if low <= value <= high and value not in seen:
                seen.add(value)
                yield _kept(field, f"{mantissa}e{power}", value, ecmascript(value))
    for value in (0.1 + 0.2, 1 / 3, 2.0**53 - 1, 2.0**53, 0.1, 123456.789, 4.35, 100.0):
        if low <= value <= high:
            yield _kept(field, f"value-{value!r}", value, ecmascript(Decimal(repr(value))))


def _times(field: Field) -> Iterator[Case]:
    earliest = CLOCK - timedelta(milliseconds=milliseconds(field.limits["behind"]))
    latest = CLOCK + timedelta(milliseconds=milliseconds(field.limits["ahead"]))
    yield _kept(field, "earliest", _utc(earliest), text(_utc(earliest)))
    yield _kept(field, "latest", _utc(latest), text(_utc(latest)))
    yield _refused(field, "too-early", _utc(earliest - _MILLISECOND))
    yield _refused(field, "too-late", _utc(latest + _MILLISECOND))
    for minutes in _OFFSETS:
        local = CLOCK.astimezone(timezone(timedelta(minutes=minutes)))
        yield _kept(field, f"offset-{minutes}", local.isoformat(), text(_utc(CLOCK)))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _documents(field: Field) -> Iterator[Case]:
    largest, deepest = field.limits["max_bytes"], field.limits["max_depth"]
    wrapping = len('{"k":""}')
    for width, char in _WIDTHS.items():
        times, rest = divmod(largest - wrapping, len(char.encode()))
        if rest == 0 and width == "ascii":  # 32 KiB are enough to commit once
            kept = text(f'{{"k":"{char * times}"}}')
            yield _kept(field, f"largest-{width}", {"k": _repeat(char, times)}, kept)
        cut = {"event": {field.name: text(field.limits["oversize"])}, "degraded": True}
        yield {
            "id": f"limit/{field.name}/too-large-{width}",
            "call": {field.name: {"k": _repeat(char, times + 1)}},
            "expect": cut,
        }
    whole = '{"a":' * (deepest - 1) + "{}" + "}" * (deepest - 1)
    yield _kept(field, "deepest", {"$": "nested", "levels": deepest}, text(whole))
    deep = '{"a":' * deepest + text(field.limits["too_deep"]) + "}" * deepest
    yield {
        "id": f"limit/{field.name}/too-deep",
        "call": {field.name: {"$": "nested", "levels": deepest + 1}},
        "expect": {"event": {field.name: text(deep)}, "degraded": True},
    }

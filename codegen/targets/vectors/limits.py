"""Cases for the limits of every argument: at the edge, one past it, and within."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from codegen.model import Event, Field, Model, milliseconds
from codegen.numbers import ecmascript
from codegen.targets.vectors.base import CLOCK, Case, caller_fields, conflicting, metric
from codegen.targets.vectors.examples import bounded
from codegen.targets.vectors.values import partition, text

# One character of each width in UTF-8 and in UTF-16.
_WIDTHS = {"ascii": "a", "latin": "é", "cjk": "界", "astral": "😀"}
_OFFSETS = (0, 60, 330, 345, 840, 1439, -180, -210, -720, -1439)
_KEYS = 250
_MILLISECOND = timedelta(milliseconds=1)


def cases(model: Model) -> Iterator[Case]:
    """Yields the limits of the arguments in the order of the call, then the partitions of keys.

    Limits that the rules of the call's own metric type narrow are left to the cases of these rules.
    """
    narrowed = bounded(metric(model))
    left_out = conflicting(model)
    for field in caller_fields(model.event):
        if field.catalog in narrowed or field.name in left_out:
            continue
        if field.type == "string" and field.catalog is None:
            yield from lengths(field)
            yield from characters(model.event, field)
        elif field.type == "number":
            yield from numbers(field)
        elif field.type == "timestamp":
            yield from times(field)
        elif field.type == "json":
            yield from _documents(field)
    yield from _partitions(model)


def _partitions(model: Model) -> Iterator[Case]:
    usage = model.catalog.topic("usage")
    for field in caller_fields(model.event):
        if field.name != usage.key or field.catalog is not None:
            continue
        for number in range(_KEYS):
            key = f"{'кключ-é'[number % 7]}ws{number * 7919}"
            if _fits(field, key):
                yield {
                    "id": f"partition/{number}",
                    "call": {field.name: key},
                    "expect": {
                        "event": {field.name: text(key)},
                        "partition": partition(key, usage.partitions),
                    },
                }


def _fits(field: Field, value: str) -> bool:
    least, most = field.limits.get("min_length", 1), field.limits.get("max_length", math.inf)
    return bool(least <= len(value) <= most)


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


def lengths(field: Field) -> Iterator[Case]:
    """Yields strings at and beyond the limits of a field."""
    shortest, longest = field.limits.get("min_length", 1), field.limits.get("max_length")
    yield _refused(field, "empty", "")
    for width, char in _WIDTHS.items():
        yield _kept(field, f"shortest-{width}", char * shortest, text(char * shortest))
        if longest is None:
            continue
        yield _kept(field, f"longest-{width}", repeat(char, longest), text(char * longest))
        yield _refused(field, f"too-long-{width}", repeat(char, longest + 1))


def characters(event: Event, field: Field, *, few: bool = False) -> Iterator[Case]:
    """Yields characters that are blank, or escaped in JSON; only a few of each if asked for."""
    shortest = field.limits.get("min_length", 1)
    kept = {}
    for char in event.blank[:: len(event.blank) - 1 or 1] if few else event.blank:
        yield _refused(field, f"blank-{ord(char):04x}", char * shortest)
        kept[f"begins-{ord(char):04x}"] = f"{char}x"
    controls = [chr(code) for code in range(0, 0x20, 10 if few else 1)]
    for char in (*controls, '"', "\\", "/", "<", "\x7f", "\ufeff", "\u200b"):
        kept[f"holds-{ord(char):04x}"] = f"a{char}b"
    for what, value in kept.items():
        long_enough = value.ljust(shortest, "x")
        if _fits(field, long_enough):
            yield _kept(field, what, long_enough, text(long_enough))


def repeat(char: str, times: int) -> Case:
    """Returns a text that a vector does not spell out."""
    return {"$": "repeat", "text": char, "times": times}


def numbers(field: Field) -> Iterator[Case]:
    """Yields numbers at and beyond the limits of a field, and of many sizes within."""
    low, high = field.limits.get("minimum"), field.limits.get("maximum")
    seen: set[float] = set()
    if low is not None:
        seen.add(float(low))
        yield _refused(field, "below", math.nextafter(low, -math.inf))
        yield _kept(field, "lowest", low, ecmascript(low))
    if high is not None:
        seen.add(float(high))
        yield _refused(field, "above", math.nextafter(high, math.inf))
        yield _kept(field, "highest", float(high), ecmascript(float(high)))
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    for mantissa in ("1", "1.5", "9.999999999999999", "1.2345678901234567"):
        for power in (-324, -100, -10, -7, -6, -5, -4, -3, -1, 0, 1, 5, 15, 16, 17, 20, 21, 22):
            value = float(f"{mantissa}e{power}")
            if low <= value <= high and value not in seen:
                seen.add(value)
                yield _kept(field, f"{mantissa}e{power}", value, ecmascript(value))
    for value in (0.1 + 0.2, 1 / 3, 2.0**53 - 1, 2.0**53, 0.1, 123456.789, 4.35, 100.0):
        if low <= value <= high:
            yield _kept(field, f"value-{value!r}", value, ecmascript(Decimal(repr(value))))


def times(field: Field) -> Iterator[Case]:
    """Yields times at and beyond the limits of a field, and with many offsets."""
    for limit, edge, beyond, past in (
        ("behind", "earliest", "too-early", -_MILLISECOND),
        ("ahead", "latest", "too-late", _MILLISECOND),
    ):
        if limit in field.limits:
            moment = CLOCK + past * milliseconds(field.limits[limit])
            yield _kept(field, edge, _utc(moment), text(_utc(moment)))
            yield _refused(field, beyond, _utc(moment + past))
    for minutes in _OFFSETS:
        local = CLOCK.astimezone(timezone(timedelta(minutes=minutes)))
        yield _kept(field, f"offset-{minutes}", local.isoformat(), text(_utc(CLOCK)))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _documents(field: Field) -> Iterator[Case]:
    largest = field.limits.get("max_bytes", math.inf)
    if "max_bytes" in field.limits and "oversize" in field.limits:
        yield from _large(field, int(largest))
    if "max_depth" in field.limits and "too_deep" in field.limits:
        yield from _deep(field, largest)


def _large(field: Field, largest: int) -> Iterator[Case]:
    wrapping = len('{"k":""}')
    for width, char in _WIDTHS.items():
        times, rest = divmod(max(largest - wrapping, 0), len(char.encode()))
        if rest == 0 and width == "ascii" and largest >= wrapping:  # once is enough to commit
            kept = text(f'{{"k":"{char * times}"}}')
            yield _kept(field, f"largest-{width}", {"k": repeat(char, times)}, kept)
        cut = {"event": {field.name: text(field.limits["oversize"])}, "degraded": True}
        yield {
            "id": f"limit/{field.name}/too-large-{width}",
            "call": {field.name: {"k": repeat(char, times + 1)}},
            "expect": cut,
        }


def _deep(field: Field, largest: float) -> Iterator[Case]:
    deepest = field.limits["max_depth"]
    whole = '{"a":' * (deepest - 1) + "{}" + "}" * (deepest - 1)
    deep = '{"a":' * deepest + text(field.limits["too_deep"]) + "}" * deepest
    if len(whole) <= largest:
        yield _kept(field, "deepest", {"$": "nested", "levels": deepest}, text(whole))
    if len(deep.encode()) <= largest:
        yield {
            "id": f"limit/{field.name}/too-deep",
            "call": {field.name: {"$": "nested", "levels": deepest + 1}},
            "expect": {"event": {field.name: text(deep)}, "degraded": True},
        }

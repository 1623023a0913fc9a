"""What the table of events refuses, from the limits of event.yaml.

Kafka Connect inserts the JSON of a message as it is, and ClickHouse fills in what is missing. So a
column has a default that its constraint does not allow, where its type has such a value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from codegen.model import Field, Model
from codegen.schema import schema
from codegen.text import sql_string

# The range of DateTime64 without a year at either end, which an offset could leave.
FIRST_YEAR, LAST_YEAR = 1901, 2298

# The parts of the catalog that are names: a sink stores what a newer catalog has, not any text.
NAMES = ("product", "metric_type", "status")

_PLAIN = re.compile(r"\w+(\(.*\))?")
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality|Array)\((.*)\)")
_SCALE = re.compile(r"Decimal\w*\((?:[0-9]+, *)?([0-9]+)\)")
# RE2, of ClickHouse, has no lookahead.
_LENGTH = re.compile(r"\^\(\?=\.\{([0-9]+),([0-9]+)\}\$\)")


@dataclass(frozen=True, slots=True)
class Check:
    """A constraint of one column, and the default that it refuses."""

    condition: str
    default: str | None

    @property
    def digest(self) -> str:
        """What a migration remembers of it."""
        return hashlib.sha256(f"{self.condition}\n{self.default}".encode()).hexdigest()[:16]


def name_pattern() -> str:
    """Returns the pattern of the names in a catalog."""
    pattern: str = schema("catalog")["$defs"]["name"]["pattern"]
    return pattern


def checks(model: Model) -> dict[str, Check]:
    """Returns the checks by column."""
    found = ((f.name, _check(f, model.event.blank)) for f in model.event.fields)
    return {name: check for name, check in found if check is not None}


def _check(field: Field, blank: str) -> Check | None:
    base = _base(field.column)
    conditions = list(_conditions(field, base, blank))
    if not conditions:
        return None
    condition = " AND ".join(conditions)
    plain = _PLAIN.fullmatch(field.column) is not None
    if field.column.startswith("Nullable("):
        condition = f"isNull({field.name}) OR ({condition})"
    elif not field.is_always_there and plain and base == "String" and field.type != "list":
        condition = f"{field.name} = '' OR ({condition})"
    default = _refused(field, base) if field.is_always_there and plain else None
    return Check(condition, default)


def _base(column: str) -> str:
    """Returns the innermost type of a column."""
    plain = re.split(r" (?:DEFAULT|CODEC|MATERIALIZED)\b", column)[0]
    while found := _WRAPPED.fullmatch(plain):
        plain = found[1]
    return plain


def _conditions(field: Field, base: str, blank: str) -> Iterator[str]:
    name, limits = field.name, field.limits
    match field.type:
        case "string" if base == "String":
            yield from _text(name, field, blank)
        case "list" if base == "String":
            yield from _list(field, blank)
        case "enum" if base == "String":
            yield f"{name} IN ({', '.join(map(sql_string, field.values))})"
        case "json" if base == "String":
            yield f"JSONType({name}) = 'Object'"
            yield from _limit(f"length({name})", "<=", limits.get("max_bytes"))
        case "number" | "integer":
            yield from _limit(name, ">=", limits.get("minimum"), base)
            yield from _limit(name, "<=", limits.get("maximum"), base)
        case "flag" if base == "UInt8":
            yield f"{name} IN (0, 1)"
        case "timestamp" if base.startswith("DateTime64"):
            yield f"toYear({name}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}"
        case _:
            pass


def _list(field: Field, blank: str) -> Iterator[str]:
    name, limits = field.name, field.limits
    yield from _limit(f"length({name})", "<=", limits.get("max_items"))
    yield f"arrayAll(each -> {' AND '.join(_text('each', field, blank))}, {name})"
    # In JSON an item takes quotes and a comma, and a bracket is one byte more.
    yield from _limit(f"arraySum(each -> length(each) + 3, {name})", "<", limits.get("max_bytes"))


def _text(name: str, field: Field, blank: str) -> Iterator[str]:
    if field.catalog in NAMES:
        pattern = name_pattern()
        if found := _LENGTH.match(pattern):
            yield f"length({name}) BETWEEN {found[1]} AND {found[2]}"
            pattern = f"^{pattern[found.end() :]}"
        yield f"match({name}, {sql_string(pattern)})"
        return
    # An SDK leaves none of these empty; a message that lacks one would leave it so.
    yield f"match({name}, {sql_string(f'[^{_ranges(blank)}]')})"
    yield from _limit(f"lengthUTF8({name})", "<=", field.limits.get("max_length"))


def _ranges(characters: str) -> str:
    """Returns characters as ranges of a class in RE2."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    ends = ([first] if first == last else [first, last] for first, last in ranges)
    return "".join("-".join(rf"\x{{{code:x}}}" for code in pair) for pair in ends)


def _limit(value: str, sign: str, limit: Any, base: str = "") -> Iterator[str]:
    if limit is None:
        return
    number = Decimal(str(limit))
    scale = _SCALE.fullmatch(base)
    text = f"{number:f}"
    if scale is not None and number != number.to_integral_value():
        text = f"toDecimal256('{text}', {scale[1]})"
    yield f"{value} {sign} {text}"


def _refused(field: Field, base: str) -> str | None:
    match field.type:
        case "number" if "minimum" in field.limits and not base.startswith("UInt"):
            return str(int(field.limits["minimum"]) - 1)
        case "flag":
            return "255"
        case "timestamp":
            return f"'{FIRST_YEAR - 1}-01-01 00:00:00'"
        case _:
            return None

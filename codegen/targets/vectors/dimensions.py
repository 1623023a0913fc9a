"""Cases for the fields that an event lacks unless they are given."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from codegen.model import Event, Field, Model
from codegen.numbers import ecmascript
from codegen.targets.vectors.base import Case, conflicting
from codegen.targets.vectors.limits import characters, lengths, numbers, repeat, times
from codegen.targets.vectors.samples import UUID, sample, wire, word
from codegen.targets.vectors.values import json_text, text

_OF_OTHER_TYPES: Mapping[str, Sequence[Any]] = {
    "string": (1, ["a"]),
    "number": ("1", True),
    "integer": ("1", 1.5),
    "boolean": ("true", 1),
    "timestamp": (True, "2026-01-31"),
    "uuid": (1,),
    "enum": (1,),
    "list": ("a", [1], {"a": "b"}),
    "json": (["a"], "{}"),
}


def cases(model: Model) -> Iterator[Case]:
    """Yields each field alone, its limits and its relations, all at once, and the client's own."""
    event = model.event
    left_out = conflicting(model)
    fields = [field for field in event.dimensions_of("record") if field.name not in left_out]
    for field in fields:
        for case in _of(event, field):
            yield _completed(event, field, case)
        yield from _relations(event, field, left_out)
    if fields:
        yield from _together(fields)
    for field in event.client_dimensions:
        yield from _of_client(model, field)


def _completed(event: Event, field: Field, case: Case) -> Case:
    """Returns the case with the other fields that this one requires."""
    others = {name: sample(event.field(name)) for name in field.dependent_required}
    case["call"] |= others
    if "event" in case["expect"]:
        texts = {
            **case["expect"]["event"],
            **{name: wire(event.field(name), value) for name, value in others.items()},
        }
        case["expect"]["event"] = {f.name: texts[f.name] for f in event.fields if f.name in texts}
    return case


def _case(field: Field, what: str, value: Any, became: str | None) -> Case:
    """Returns a case; what it became is None if it is refused."""
    refused = {"code": field.error, "field": field.name}
    return {
        "id": f"field/{field.name}/{what}",
        "call": {field.name: value},
        "expect": refused if became is None else {"event": {field.name: became}},
    }


def _of(event: Event, field: Field) -> Iterator[Case]:
    yield _case(field, "sample", sample(field), wire(field, sample(field)))
    yield _case(field, "null", None, "")
    for number, value in enumerate(_OF_OTHER_TYPES[field.type]):
        case = _case(field, f"other-type-{number}", value, None)
        case["cannot"] = {"go": f"{field.name} is no {json_text(value)} in Go"}
        yield case
    if field.type == "string":
        yield from lengths(field)
        yield from characters(event, field, few=True)
    elif field.type in _MORE:
        yield from _MORE[field.type](field)


def _numbers(field: Field) -> Iterator[Case]:
    yield from numbers(field)
    yield _case(field, "not-finite", {"$": "NaN"}, None)
    if (digits := field.limits.get("max_digits")) is None:
        return
    longest = "0." + ("123456789" * digits)[:digits]
    if field.limits["minimum"] <= float(longest) <= field.limits["maximum"]:
        yield _case(field, "most-digits", {"$": "decimal", "text": longest}, longest)
        yield _case(field, "too-many-digits", {"$": "decimal", "text": f"{longest}1"}, None)


def _booleans(field: Field) -> Iterator[Case]:
    yield _case(field, "false", False, "false")


def _uuids(field: Field) -> Iterator[Case]:
    yield _case(field, "upper", UUID.upper(), text(UUID))
    for number, value in enumerate((UUID[:-1], f"{{{UUID}}}", "g" + UUID[1:], "")):
        yield _case(field, f"malformed-{number}", value, None)
    yield _case(field, "without-hyphens", UUID.replace("-", "0"), None)


def _enums(field: Field) -> Iterator[Case]:
    for value in field.values:
        yield _case(field, f"value-{value}", value, text(value))
        yield _case(field, f"upper-{value}", value.upper(), None)


def _integers(field: Field) -> Iterator[Case]:
    low, high = int(field.limits["minimum"]), int(field.limits["maximum"])
    yield _case(field, "lowest", low, ecmascript(low))
    yield _case(field, "highest", high, ecmascript(high))
    yield _case(field, "below", low - 1, None)
    yield _case(field, "above", high + 1, None)


def _lists(field: Field) -> Iterator[Case]:
    fewest, most = field.limits.get("min_items", 1), field.limits["max_items"]
    longest, largest = field.limits["max_length"], field.limits["max_bytes"]
    one = word(field)
    few = [one] * fewest
    yield _case(field, "empty", [], None)
    yield _case(field, "blank-item", [*few[1:], " "], None)
    yield _case(field, "too-long-item", [*few[1:], repeat("é", longest + 1)], None)
    yield _case(field, "null-item", [*few[1:], None], None) | {
        "cannot": {"go": f"{field.name} has strings, which cannot be null"}
    }
    if len(wire(field, [one] * most)) <= largest:
        yield _case(field, "most", [one] * most, wire(field, [one] * most))
        yield _case(field, "too-many", [one] * (most + 1), None)
    escaped = ('"\\é😀\n' + one)[:longest]
    yield _case(field, "escaped", [*few[1:], escaped], wire(field, [*few[1:], escaped]))
    item, times = repeat("a", longest), (largest - 2) // (longest + 3) + 1
    if fewest < times <= most:
        kept = ["a" * longest] * (times - 1)
        yield _case(field, "largest", [item] * (times - 1), wire(field, kept))
        yield _case(field, "too-large", [item] * times, None)


def _objects(field: Field) -> Iterator[Case]:
    largest = field.limits["max_bytes"]
    rich = {"b": [True, None, 1.5], "é": '"\\'}
    if len(json_text(rich).encode()) <= largest:
        yield _case(field, "rich", rich, text(json_text(rich)))
    yield _case(field, "empty", {}, text("{}"))
    yield _case(field, "unencodable", {"a": {"$": "unencodable"}}, None)
    yield _case(field, "too-large", {"k": repeat("a", largest)}, None)


_MORE: Mapping[str, Callable[[Field], Iterator[Case]]] = {
    "number": _numbers,
    "integer": _integers,
    "boolean": _booleans,
    "timestamp": times,
    "uuid": _uuids,
    "enum": _enums,
    "list": _lists,
    "json": _objects,
}


def _relations(event: Event, field: Field, left_out: Container[str]) -> Iterator[Case]:
    for name in field.excludes:
        if name in left_out:
            continue
        other = event.field(name)
        value = sample(other) if other.is_dimension else 1
        case = _completed(event, field, _case(field, f"with-{name}", sample(field), None))
        case["call"][name] = value
        yield case
    for name in field.dependent_required:
        if name in left_out:
            continue
        required = event.field(name).required_error
        case = _completed(event, field, _case(field, f"without-{name}", sample(field), None))
        del case["call"][name]
        yield case | {"expect": {"code": required, "field": name}}
    if field.when_not_zero and field.limits["minimum"] == 0:
        yield _case(field, "zero-alone", 0, "0")


def _together(fields: Sequence[Field]) -> Iterator[Case]:
    chosen: list[Field] = []
    for field in fields:
        others = {name for other in chosen for name in other.excludes}
        if field.name not in others and not {f.name for f in chosen} & set(field.excludes):
            chosen.append(field)
    yield {
        "id": "field/all-in-another-order",
        "call": {field.name: sample(field) for field in reversed(chosen)},
        "expect": {"event": {field.name: wire(field, sample(field)) for field in chosen}},
    }


def _of_client(model: Model, field: Field) -> Iterator[Case]:
    event, status = model.event, model.catalog.default_status
    billable = event.roles["billable"].name
    for value in (*field.billed, word(field), '"\\é😀'[: field.limits["max_length"]]):
        billed = status.billable and (not field.billed or value in field.billed)
        yield {
            "id": f"client/{field.name}/{ascii(value)[1:-1]}",
            "client": {field.name: value},
            "call": {},
            "expect": {"event": {billable: str(int(billed)), field.name: text(value)}},
        }

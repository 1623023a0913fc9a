"""Cases for the metadata keys that are about persons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen.model import Field, MetricType, Model
from codegen.targets.vectors.base import Case
from codegen.targets.vectors.examples import allowed, redacted, required
from codegen.targets.vectors.limits import repeat
from codegen.targets.vectors.values import json_text, text

_VALUES: Mapping[str, Any] = {
    "text": "+49 170 1234567",
    "empty": "",
    "escaped": 'é界😀"\\/<&>\n\x00\x7f\u2028',
    "integer": 7,
    "fraction": 0.1,
    "small": 1e-7,
    "large": 1e21,
    "negative": -5,
    "true": True,
    "false": False,
    "null": None,
    "list": ["b", "a", 1, None, [True]],
    "no-items": [],
    "object": {"z": 1, "a": "x", "B": None},
    "no-keys": {},
    "ordered": {"😀": 1, "\uffee": 2, "é": 3, "10": 4, "9": 5},
    "nested": {"b": [{"y": 1.5, "x": [{"d": "é", "c": 0}]}], "a": {"k": {"j": 1, "i": 2}}},
}


def cases(model: Model) -> Iterator[Case]:
    """Yields values of each such key, its absence, and the metadata around it."""
    for one in model.catalog.metric_types:
        free = [name for name, _ in one.pii if name not in {key.name for key in one.metadata}]
        for name in free:
            yield from _of(model, one, name)
        if free:
            yield _case(model, one, "all", dict.fromkeys(sorted(free), "x"))
            yield _case(model, one, "inside", {"zz": dict.fromkeys(sorted(free), "x")})
            yield _case(model, one, "none", {"zz": 1})


def _of(model: Model, one: MetricType, name: str) -> Iterator[Case]:
    for what, value in _VALUES.items():
        yield _case(model, one, f"{name}-{what}", {name: value})
    field = model.event.roles["metadata"]
    if "max_bytes" in field.limits and "oversize" in field.limits:
        yield from _large(model, one, field, name)


def _large(model: Model, one: MetricType, field: Field, name: str) -> Iterator[Case]:
    largest = int(field.limits["max_bytes"])
    times, rest = divmod(largest - len('""'), len("é".encode()))
    if rest == 0:
        case = _case(model, one, f"{name}-largest", {name: "é" * times})
        case["call"][field.name][name] = repeat("é", times)
        yield case
    yield _left_out(model, one, field, name, largest)
    yield _beside_too_much(model, one, field, name, largest)


def _left_out(model: Model, one: MetricType, field: Field, name: str, largest: int) -> Case:
    """Returns a value that is too large to be hashed."""
    case = _case(model, one, f"{name}-too-large", {"zz": 1})
    case["call"][field.name][name] = repeat("x", largest - 1)
    if dict(one.pii)[name] == "hash":
        case["expect"]["degraded"] = True
    return case


def _beside_too_much(model: Model, one: MetricType, field: Field, name: str, most: int) -> Case:
    """Returns a key beside others that are too large."""
    case = _case(model, one, f"{name}-beside-too-much", {name: "x"})
    case["call"][field.name]["zz"] = repeat("x", most)
    marker = field.limits["oversize"]
    values = required(one)
    declared = {key.name: values[key.name] for key in one.metadata if key.name in values}
    keys = redacted(one, declared)
    kept = f"{marker[:-1]},{json_text(keys)[1:]}" if keys else marker
    case["expect"] = {
        "event": {**case["expect"]["event"], field.name: text(kept)},
        "degraded": True,
    }
    return case


def _case(model: Model, one: MetricType, what: str, metadata: Mapping[str, Any]) -> Case:
    event = model.event
    arguments, texts = allowed(model, one)
    names = {event.roles["product"].name: one.product, event.roles["metric_type"].name: one.name}
    # In the order of a map of Go.
    given = dict(sorted({**required(one), **metadata}.items()))
    field = event.roles["metadata"].name
    fields = {name: text(value) for name, value in names.items()}
    return {
        "id": f"pii/{one.product}/{one.name}/{what}",
        "call": {**names, **arguments, field: given},
        "expect": {"event": {**fields, **texts, field: text(json_text(redacted(one, given)))}},
    }

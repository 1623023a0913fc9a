"""Cases for every valid combination of names, near misses, and the rules of metric types."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from codegen import phrases
from codegen.model import Event, Field, MetricType, Model
from codegen.numbers import scalar
from codegen.targets.vectors.base import Case
from codegen.targets.vectors.examples import allowed, quantities, required
from codegen.targets.vectors.samples import another, wire
from codegen.targets.vectors.values import text

_WRONG: Mapping[str, object] = {"string": 1, "integer": "1", "number": "1", "boolean": 1}


def cases(model: Model) -> Iterator[Case]:
    """Yields the cases in the order of the catalog."""
    for one in model.catalog.metric_types:
        yield from _combinations(model, one)
        yield from _rules(model, one)
        yield from _field_rules(model, one)
    yield from _removed(model)
    yield from _near_misses(model)


def _names(event: Event, one: MetricType) -> dict[str, str]:
    return {_name(event, "product"): one.product, _name(event, "metric_type"): one.name}


def _name(event: Event, part: str) -> str:
    return event.roles[part].name


def _combinations(model: Model, one: MetricType) -> Iterator[Case]:
    event = model.event
    arguments, texts = allowed(model, one)
    for status in model.catalog.statuses:
        names = {**_names(event, one), _name(event, "status"): status.name}
        fields = {name: text(value) for name, value in names.items()}
        billable = {_name(event, "billable"): str(int(status.billable))}
        yield {
            "id": f"combination/{one.product}/{one.name}/{status.name}",
            "call": {**names, **arguments},
            "expect": {"event": {**fields, **billable, **texts}},
        }


def _rules(model: Model, one: MetricType) -> Iterator[Case]:
    """Yields the calls that the rules of a metric type reject."""
    event = model.event
    arguments, _ = allowed(model, one)

    def refused(what: str, name: str, value: object, code: str | None) -> Case:
        return {
            "id": f"rule/{one.product}/{one.name}/{what}",
            "call": {**_names(event, one), **arguments, name: value},
            "expect": {"code": code, "field": name},
        }

    if one.quantity is not None:
        field = event.roles["quantity"]
        low, high = quantities(field, one)
        above = high + abs(high) + 1
        if math.isfinite(above):
            yield refused("above", field.name, above, field.error)
        if low > 0:
            yield refused("below", field.name, low / 2, field.error)
        if one.quantity.integer and (low + 0.5) % 1:
            yield refused("fraction", field.name, low + 0.5, field.error)
    keys = required(one)
    for key in (key for key in one.metadata if key.required):
        field = event.roles["metadata"]
        rest = {name: value for name, value in keys.items() if name != key.name}
        yield refused(f"{key.name}-missing", field.name, rest, field.required_error)
        wrong = "no such value" if key.allowed else _WRONG[key.type] if key.type else None
        if wrong is not None:
            yield refused(f"{key.name}-wrong", field.name, {**rest, key.name: wrong}, field.error)
        for what, value in _lookalikes(key.allowed or ()):
            name = f"{key.name}-{what}"
            yield refused(name, field.name, {**rest, key.name: value}, field.error)


def _field_rules(model: Model, one: MetricType) -> Iterator[Case]:
    """Yields the calls that a metric type accepts and rejects for what it requires of fields."""
    event = model.event
    arguments, texts = allowed(model, one)

    def case(what: str, field: Field, value: object, expect: Case) -> Case:
        return {
            "id": f"rule/{one.product}/{one.name}/{field.name}-{what}",
            "call": {**_names(event, one), **arguments, field.name: value},
            "expect": expect,
        }

    for rule in model.field_rules(one):
        field = event.field(rule.name)
        refused = {"field": field.name}
        if rule.required:
            yield case("missing", field, None, {"code": field.required_error, **refused})
        for place, value in enumerate(rule.allowed or ()):
            fields = {**_texts(event, one), **texts, field.name: wire(field, value)}
            yield case(f"allowed-{place}", field, value, {"event": fields})
        if rule.allowed:
            wrong = another(field, rule.allowed)
            yield case("wrong", field, wrong, {"code": field.error, **refused})


def _texts(event: Event, one: MetricType) -> dict[str, str]:
    return {name: text(value) for name, value in _names(event, one).items()}


def _lookalikes(allowed: tuple[object, ...]) -> Iterator[tuple[str, object]]:
    """Yields values of another type that some language takes for the first allowed one."""
    for first in allowed[:1]:
        if isinstance(first, str):
            continue
        others = {"as-text": scalar(first)}
        yield from ((what, text) for what, text in others.items() if text not in allowed)
        if first in (0, 1):
            other = int(first) if isinstance(first, bool) else bool(first)
            if not any(type(one) is type(other) and one == other for one in allowed):
                yield "as-boolean" if isinstance(other, bool) else "as-number", other


def _removed(model: Model) -> Iterator[Case]:
    for one in model.catalog.removed:
        yield {
            "id": f"removed/{one.product}/{one.name}",
            "call": _names(model.event, one),
            "expect": {**_unknown(model.event, "metric_type"), "says": phrases.removal(one)},
        }


def _near_misses(model: Model) -> Iterator[Case]:
    event, catalog = model.event, model.catalog
    first, products = catalog.products[0], {product.name for product in catalog.products}
    of_first = {one.name for one in first.metric_types}
    for product in catalog.products:
        yield from _misspelt(event, "product", product.name, products)
        own = {one.name for one in product.metric_types}
        for one in product.metric_types:
            yield from _misspelt(event, "metric_type", one.name, own, _names(event, one))
            if one.name not in of_first:
                yield {
                    "id": f"near-miss/metric_type/{product.name}/{one.name}/of-another-product",
                    "call": {**_names(event, one), _name(event, "product"): first.name},
                    "expect": _unknown(event, "metric_type"),
                }
    for status in catalog.statuses:
        yield from _misspelt(event, "status", status.name, {s.name for s in catalog.statuses})
    for field in (event.roles[part] for part in ("product", "metric_type", "status")):
        if not field.optional:
            name = field.name
            yield {
                "id": f"near-miss/{name}/null",
                "call": {name: None},
                "expect": {"code": field.error, "field": name},
                "cannot": {"go": f"{name} is a string, which cannot be null"},
            }


def _misspelt(
    event: Event, kind: str, name: str, known: set[str], names: Mapping[str, str] | None = None
) -> Iterator[Case]:
    where = "/".join((names or {}).values()) or name
    misses = {
        "cut": name[:-1],
        "doubled": name + name[-1],
        "upper": name.upper(),
        "spaced": f"{name} ",
    }
    for what, miss in misses.items():
        if miss not in known and miss:
            yield {
                "id": f"near-miss/{kind}/{where}/{what}",
                "call": {**(names or {}), _name(event, kind): miss},
                "expect": _unknown(event, kind),
            }


def _unknown(event: Event, kind: str) -> Case:
    field = event.roles[kind]
    return {"code": field.error, "field": field.name}

"""Every combination of names that the catalog allows, near misses, and what metric types ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from codegen.model import Event, MetricType, Model
from codegen.targets.vectors.base import Case, call, role, text
from codegen.targets.vectors.values import ecmascript

_EXAMPLES: Mapping[str, object] = {"string": "x", "integer": 1, "number": 1.5, "boolean": True}
_WRONG: Mapping[str, object] = {"string": 1, "integer": "1", "number": "1", "boolean": 1}


def cases(model: Model) -> Iterator[Case]:
    """All of them, in the order of the catalog."""
    for one in model.catalog.metric_types:
        yield from _combinations(model, one)
        yield from _rules(model.event, one)
    yield from _near_misses(model)


def _names(event: Event, one: MetricType) -> dict[str, str]:
    return {role(event, "product"): one.product, role(event, "metric_type"): one.name}


def _combinations(model: Model, one: MetricType) -> Iterator[Case]:
    event = model.event
    arguments, texts = _allowed(event, one)
    for status in model.catalog.statuses:
        names = {**_names(event, one), role(event, "status"): status.name}
        fields = {name: text(value) for name, value in names.items()}
        billable = {role(event, "billable"): str(int(status.billable))}
        yield {
            "id": f"combination/{one.product}/{one.name}/{status.name}",
            "call": {**names, **arguments},
            "expect": {"event": {**fields, **billable, **texts}},
        }


def _allowed(event: Event, one: MetricType) -> tuple[Case, dict[str, str]]:
    """Arguments that satisfy what a metric type asks, and what they become."""
    arguments: Case = {}
    texts: dict[str, str] = {}
    if one.quantity is not None:
        name, low, _ = _quantity(event, one)
        arguments[name], texts[name] = low, ecmascript(low)
    if required := _required(one):
        name = _metadata(event)
        arguments[name] = required
        texts[name] = text(json.dumps(required, separators=(",", ":"), ensure_ascii=False))
    return arguments, texts


def _rules(event: Event, one: MetricType) -> Iterator[Case]:
    """What the rules of a metric type refuse."""
    arguments, _ = _allowed(event, one)

    def refused(what: str, name: str, value: object, code: str) -> Case:
        return {
            "id": f"rule/{one.product}/{one.name}/{what}",
            "call": {**_names(event, one), **arguments, name: value},
            "expect": {"code": code, "field": name},
        }

    if one.quantity is not None:
        name, low, high = _quantity(event, one)
        code = event.field(name).error or ""
        yield refused("above", name, high * 2 + 1, code)
        if low > 0:
            yield refused("below", name, low / 2, code)
        if one.quantity.integer:
            yield refused("fraction", name, low + 0.5, code)
    name = _metadata(event)
    for key in (key for key in one.metadata if key.required):
        rest = {other: value for other, value in _required(one).items() if other != key.name}
        yield refused(f"{key.name}-missing", name, rest, "metadata.required")
        wrong = "no such value" if key.allowed else _WRONG[key.type] if key.type else None
        if wrong is not None:
            yield refused(f"{key.name}-wrong", name, {**rest, key.name: wrong}, "metadata.invalid")


def _quantity(event: Event, one: MetricType) -> tuple[str, float, float]:
    field = next(f for f in event.fields if f.type == "number" and f.default is not None)
    low: float = field.limits["minimum"]
    high: float = field.limits["maximum"]
    if one.quantity is not None and one.quantity.minimum is not None:
        low = one.quantity.minimum
    if one.quantity is not None and one.quantity.maximum is not None:
        high = one.quantity.maximum
    return field.name, low, high


def _metadata(event: Event) -> str:
    return next(field.name for field in event.fields if field.type == "json")


def _required(one: MetricType) -> dict[str, object]:
    return {
        key.name: key.allowed[0] if key.allowed else _EXAMPLES[key.type or "string"]
        for key in one.metadata
        if key.required
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
                    "call": {**_names(event, one), role(event, "product"): first.name},
                    "expect": _unknown(event, "metric_type"),
                }
    for status in catalog.statuses:
        yield from _misspelt(event, "status", status.name, {s.name for s in catalog.statuses})
    for name in call(model):
        if event.field(name).catalog:
            yield {
                "id": f"near-miss/{name}/null",
                "call": {name: None},
                "expect": {"code": event.field(name).error, "field": name},
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
                "call": {**(names or {}), role(event, kind): miss},
                "expect": _unknown(event, kind),
            }


def _unknown(event: Event, kind: str) -> Case:
    name = role(event, kind)
    return {"code": event.field(name).error, "field": name}

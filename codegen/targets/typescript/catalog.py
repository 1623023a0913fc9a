"""The tables of the catalog in TypeScript: its products, its metric types and their rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from codegen import naming, phrases
from codegen.model import Catalog, KeyRule, MetricType, Model, Product
from codegen.numbers import scalar
from codegen.targets.typescript import layout
from codegen.targets.typescript.entries import Entry, Group


def product(product: Product) -> Group:
    return Group(
        layout.doc(product.description),
        layout.key(product.name),
        (
            layout.property_("title", layout.string(product.title)),
            layout.property_("owner", layout.string(product.owner)),
        ),
        tuple(
            Entry(
                layout.doc(metric.description, 6),
                layout.key(metric.name),
                (
                    layout.property_("title", layout.string(metric.title), 8),
                    layout.property_("owner", layout.string(metric.owner), 8),
                    layout.property_("unit", layout.string(metric.unit), 8),
                    layout.property_("aggregation", layout.string(metric.aggregation), 8),
                ),
            )
            for metric in product.metric_types
        ),
    )


def names(product: Product) -> str:
    return " ".join(metric.name for metric in product.metric_types)


def spelled(catalog: Catalog) -> Iterator[str]:
    """Yields what code says in place of the names of products and metric types, if not those."""
    for product in catalog.products:
        rows = [(product.name, product.name, product.identifier)]
        rows += [(f"{product.name}/{m.name}", m.name, m.spelled[1]) for m in product.metric_types]
        for path, name, identifier in rows:
            if identifier != name:
                yield layout.property_(layout.key(path), layout.string(identifier), 2)


def metrics(model: Model, product: Product) -> Group:
    return Group(
        layout.doc(product.description),
        naming.snake(product.identifier),
        (),
        tuple(
            Entry(
                layout.doc(
                    metric.description,
                    4,
                    deprecated=phrases.deprecation(metric, partial(_metric_name, model)),
                ),
                naming.snake(metric.spelled[1]),
                (
                    f"      readonly product: {layout.string(metric.product)};",
                    f"      readonly metricType: {layout.string(metric.name)};",
                ),
            )
            for metric in product.metric_types
        ),
    )


def _metric_name(model: Model, product: str, name: str) -> str:
    spelled = map(naming.snake, model.catalog.spelled(product, name))
    return f"`metrics.{'.'.join(spelled)}`"


@dataclass(frozen=True, slots=True)
class _Rule:
    """The rules of one metric type: on the quantity, on metadata keys and on fields."""

    key: str
    quantity: tuple[str, ...]
    metadata: tuple[Entry, ...]
    pii: tuple[str, ...]
    fields: tuple[Entry, ...]


def rules(model: Model) -> Iterator[tuple[str, list[_Rule]]]:
    for product in model.catalog.products:
        rules = [
            _rule(model, m)
            for m in product.metric_types
            if m.quantity or m.metadata or m.pii or m.fields
        ]
        if rules:
            yield layout.key(product.name), rules


def _rule(model: Model, metric: MetricType) -> _Rule:
    bounds = []
    if metric.quantity:
        bounds.append(layout.property_("integer", layout.literal(metric.quantity.integer), 8))
        for name in ("minimum", "maximum"):
            value = getattr(metric.quantity, name)
            if value is not None:
                bounds.append(layout.property_(name, layout.literal(value), 8))
    return _Rule(
        layout.key(metric.name),
        tuple(bounds),
        tuple(map(_metadata, metric.metadata)),
        tuple(
            layout.property_(layout.key(name), layout.string(action), 8)
            for name, action in metric.pii
        ),
        tuple(_field_rule(rule) for rule in model.field_rules(metric)),
    )


def _field_rule(rule: KeyRule) -> Entry:
    lines = [
        layout.property_("name", layout.string(rule.name), 10),
        layout.property_("required", layout.literal(rule.required), 10),
    ]
    if rule.allowed is not None:
        lines.append(layout.list_("allowed: ", map(scalar, rule.allowed), ",", " " * 10))
    return Entry("", "", tuple(lines))


def _metadata(key: KeyRule) -> Entry:
    lines = [layout.property_("required", layout.literal(key.required), 10)]
    if key.type:
        lines.append(layout.property_("type", layout.string(key.type), 10))
    if key.allowed is not None:
        allowed = map(scalar, key.allowed)
        lines.append(layout.list_("allowed: ", allowed, ",", " " * 10))
    return Entry("", layout.key(key.name), tuple(lines))

"""The tables of the catalog in Go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from codegen import naming, phrases
from codegen.model import MetricType, Model, QuantityRule
from codegen.numbers import scalar
from codegen.targets.go import literals

# A switch finds a metric type fastest, but its compilation takes 14 s and 1 GB for 10,000 of them.
LONGEST_SWITCH = 256


@dataclass(frozen=True, slots=True)
class _Metric:
    comment: str
    constant: str
    number: int
    name: str
    row: str


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    row: str
    metrics: tuple[_Metric, ...]


def statuses(model: Model) -> dict[str, Any]:
    catalog = model.catalog
    return {
        "statuses": [
            (
                index,
                literals.string(s.name),
                literals.row(
                    literals.string(s.name),
                    literals.boolean(s.billable),
                    literals.words(s.description),
                ),
            )
            for index, s in enumerate(catalog.statuses)
        ],
        "default": catalog.statuses.index(catalog.default_status),
        "log": catalog.statuses.index(catalog.log_status),
        "levels": [literals.string(level) for level in catalog.log_levels],
    }


def products(model: Model) -> list[_Product]:
    products = []
    number = 0
    field = model.event.roles.get("quantity")
    bounds = field.limits if field else {}
    for product in model.catalog.products:
        first = number + 1
        metrics = []
        for metric in product.metric_types:
            number += 1
            nanoseconds = model.catalog.nanoseconds(metric) or 0
            metrics.append(_metric(model, metric, number, bounds, nanoseconds))
        row = literals.row(
            literals.string(product.name),
            literals.string(product.title),
            literals.string(product.owner),
            literals.words(product.description),
            str(first),
            str(number),
        )
        products.append(_Product(literals.string(product.name), row, tuple(metrics)))
    return products


def _metric(
    model: Model,
    metric: MetricType,
    number: int,
    bounds: Mapping[str, int | float],
    nanoseconds: int,
) -> _Metric:
    constant = _constant(*metric.spelled)
    comment = literals.comment(
        f"{constant} is {metric.product}/{metric.name}: {metric.description}", "\t"
    )
    deprecation = phrases.deprecation(metric, partial(metric_name, model))
    if deprecation:
        comment += f"\n\t//\n{literals.comment(f'Deprecated: {deprecation}', chr(9))}"
    row = literals.row(
        literals.string(metric.product),
        literals.string(metric.name),
        literals.string(metric.title),
        literals.words(metric.description),
        literals.string(metric.owner),
        literals.string(metric.unit),
        literals.string(metric.aggregation),
        _quantity(metric.quantity, bounds),
        _metadata(metric),
        _pii(metric),
        _fields(model, metric),
        str(nanoseconds),
    )
    return _Metric(comment, constant, number, literals.string(metric.name), row)


def _quantity(rule: QuantityRule | None, bounds: Mapping[str, int | float]) -> str:
    if rule is None:
        return "nil"
    minimum = bounds["minimum"] if rule.minimum is None else rule.minimum
    maximum = bounds["maximum"] if rule.maximum is None else rule.maximum
    integer = literals.boolean(rule.integer)
    row = literals.row(integer, literals.number(minimum), literals.number(maximum))
    return f"&quantityRule{row}"


def _metadata(metric: MetricType) -> str:
    if not metric.metadata:
        return "nil"
    rows = [
        literals.row(
            literals.string(key.name),
            literals.boolean(key.required),
            literals.string(key.type or ""),
            literals.strings(scalar(value) for value in key.allowed or ()),
        )
        for key in metric.metadata
    ]
    return f"[]metadataKey{{{', '.join(rows)}}}"


def _pii(metric: MetricType) -> str:
    rows = [literals.row(literals.string(name), f"{action}PII") for name, action in metric.pii]
    return f"[]piiKey{{{', '.join(rows)}}}" if rows else "nil"


def _fields(model: Model, metric: MetricType) -> str:
    rows = [
        literals.row(
            f"Field{naming.go_exported(rule.name)}",
            literals.boolean(rule.required),
            literals.strings(scalar(value) for value in rule.allowed or ()),
        )
        for rule in model.field_rules(metric)
    ]
    return f"[]fieldRule{{{', '.join(rows)}}}" if rows else "nil"


def metric_name(model: Model, product: str, name: str) -> str:
    """Returns the constant of a metric type."""
    return _constant(*model.catalog.spelled(product, name))


def _constant(product: str, name: str) -> str:
    return f"Metric{naming.go_exported(product)}{naming.go_exported(name)}"


def aliases(model: Model) -> Iterator[str]:
    """Yields the rows of the aliases."""
    for alias, metric in model.catalog.aliases:
        names = (alias, metric.product, metric.name)
        yield literals.row(*map(literals.string, names))


def removed(model: Model) -> Iterator[str]:
    """Yields the rows of the removed metric types."""
    for metric in model.catalog.removed:
        words = (metric.product, metric.name, phrases.removal(metric))
        yield literals.row(*map(literals.string, words))

"""The types of the generated `Metric` constants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NewType, Protocol

MetricType = NewType("MetricType", str)
"""The name of a metric type that `is_metric_type()` found in the catalog."""


class QuantityRule(NamedTuple):
    """The limits of a metric type's quantity, beyond those of every event."""

    integer: bool
    minimum: float | None
    maximum: float | None


class MetadataKey(NamedTuple):
    """A metadata key that a metric type declares."""

    name: str
    required: bool
    type: str | None
    allowed: tuple[object, ...] | None


class FieldRule(NamedTuple):
    """A field that a metric type requires, or the values to which it limits it."""

    name: str
    required: bool
    allowed: tuple[object, ...] | None


class Deprecation(NamedTuple):
    """Since which version a metric type is deprecated, and what to use instead."""

    since: str
    replaced_by: str | None
    remove_in: str | None


class Metric(NamedTuple):
    """One metric type of one product, as `record_metric()` takes it.

    `eka_usage.metrics` has a constant for each metric type of the catalog.

    Attributes:
        product: the product's name.
        metric_type: the metric type's name within its product.
        title: its name for people.
        description: what it counts.
        owner: the team that owns it.
        unit: the unit of a quantity.
        aggregation: how quantities become a total: sum, count, max, min, last, avg, unique or
            time_weighted.
        quantity: the limits of a quantity, beyond those of every event.
        metadata: the keys that it declares.
        fields: the fields that it constrains.
        deprecated: since when it is deprecated, and what to use instead.
        pii: the metadata keys about persons, each with what becomes of its value: hash or drop.
    """

    product: str
    metric_type: str
    title: str
    description: str
    owner: str
    unit: str
    aggregation: str
    quantity: QuantityRule | None = None
    metadata: tuple[MetadataKey, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    deprecated: Deprecation | None = None
    pii: tuple[tuple[str, str], ...] = ()


class RequiringMetric(Protocol):
    """The constant of a metric type that requires more than its name, or is deprecated.

    At run time it is a `Metric`. Type checkers keep it apart, so that `record_metric()` asks for
    what it requires; its attributes are those of `Metric`.
    """

    @property
    def product(self) -> str: ...
    @property
    def metric_type(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def aggregation(self) -> str: ...
    @property
    def quantity(self) -> QuantityRule | None: ...
    @property
    def metadata(self) -> tuple[MetadataKey, ...]: ...
    @property
    def fields(self) -> tuple[FieldRule, ...]: ...
    @property
    def deprecated(self) -> Deprecation | None: ...
    @property
    def pii(self) -> tuple[tuple[str, str], ...]: ...


def metric_table(text: str) -> tuple[dict[str, type], dict[tuple[str, str], Metric]]:
    """Returns the namespaces of the products, and the metric types by product and name.

    The text is a JSON array of products, each with its name in Python, its name, its docstring and
    the rows of its metric types: their texts, and what only some have, by name.
    """
    namespaces: dict[str, type] = {}
    metrics: dict[tuple[str, str], Metric] = {}
    for attribute, product, doc, rows in json.loads(text):
        constants: dict[str, Any] = {"__doc__": doc}
        for name, title, description, owner, unit, aggregation, *more in rows:
            rules = _rules(*more)
            metric = Metric(product, name, title, description, owner, unit, aggregation, **rules)
            metrics[product, name] = metric
            constants[more[0].get("attribute", name) if more else name] = metric
        namespaces[attribute] = type(attribute, (), constants)
    return namespaces, metrics


def _rules(more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns what only some metric types have, as arguments of a Metric."""
    if more is None:
        return {}
    rules: dict[str, Any] = {}
    if "quantity" in more:
        rules["quantity"] = QuantityRule(*more["quantity"])
    if "metadata" in more:
        rules["metadata"] = tuple(
            MetadataKey(name, required, kind, None if allowed is None else tuple(allowed))
            for name, required, kind, allowed in more["metadata"]
        )
    if "pii" in more:
        rules["pii"] = tuple((name, action) for name, action in more["pii"])
    if "fields" in more:
        rules["fields"] = tuple(
            FieldRule(name, required, None if allowed is None else tuple(allowed))
            for name, required, allowed in more["fields"]
        )
    if "deprecated" in more:
        rules["deprecated"] = Deprecation(*more["deprecated"])
    return rules

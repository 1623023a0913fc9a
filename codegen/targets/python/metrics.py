"""A constant for each metric type in Python: as rows of a table, and as members of a stub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from codegen import phrases
from codegen.model import MetricType, Model, Product
from codegen.naming import LANGUAGES
from codegen.targets.python.requirements import Key, RequiredTypes, key
from codegen.text import docstring

_PYTHON = LANGUAGES["python"]


@dataclass(frozen=True, slots=True)
class _Constant:
    """The constant of a metric type: its name, type, row as JSON and docstring."""

    name: str
    type: str
    row: str
    doc: str


@dataclass(frozen=True, slots=True)
class _Namespace:
    """A product: its name, the beginning of its row as JSON, its docstring and its metric types."""

    name: str
    row: str
    doc: str
    constants: tuple[_Constant, ...]


def namespace(model: Model, product: Product, types: Mapping[Key, RequiredTypes]) -> _Namespace:
    """Returns a product with its metric types."""
    name = _PYTHON.attribute(product.identifier)
    row = [name, product.name, f"{product.title}: {product.description}"]
    return _Namespace(
        name=name,
        row=json.dumps(row).removesuffix("]"),
        doc="\n".join(docstring(product.description, "    ", summary=product.title)),
        constants=tuple(_constant(model, metric, types) for metric in product.metric_types),
    )


def _constant(model: Model, metric: MetricType, types: Mapping[Key, RequiredTypes]) -> _Constant:
    described = ("name", "title", "description", "owner", "unit", "aggregation")
    row: list[Any] = [getattr(metric, name) for name in described]
    name = _PYTHON.attribute(metric.spelled[1])
    more = dict(_more(model, metric))
    if name != metric.name:
        more["attribute"] = name
    if more:
        row.append(more)
    doc = metric.description
    if metric.deprecated:
        doc = f"Deprecated {phrases.deprecation(metric, partial(_metric_name, model))} {doc}"
    required = types.get(key(model, metric))
    kind = required.metric if required else "Metric"
    return _Constant(name, kind, json.dumps(row), "\n".join(docstring(doc, "    ")))


def _more(model: Model, metric: MetricType) -> Mapping[str, Any]:
    """Returns what only some metric types have, as lists of arguments."""
    more: dict[str, Any] = {}
    if metric.quantity:
        rule = metric.quantity
        more["quantity"] = [rule.integer, rule.minimum, rule.maximum]
    if metric.metadata:
        more["metadata"] = [[k.name, k.required, k.type, k.allowed] for k in metric.metadata]
    if metric.pii:
        more["pii"] = metric.pii
    if metric.fields:
        more["fields"] = [[r.name, r.required, r.allowed] for r in model.field_rules(metric)]
    if metric.deprecated:
        old = metric.deprecated
        more["deprecated"] = [old.since, old.replaced_by, old.remove_in]
    return more


def _metric_name(model: Model, product: str, name: str) -> str:
    return f"metrics.{_PYTHON.metric(*model.catalog.spelled(product, name))}"

"""The catalog in Python: its names as tuples, and a constant for each metric type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codegen import phrases
from codegen.model import MetricType, Model, Product
from codegen.naming import LANGUAGES
from codegen.targets.python.literals import literal
from codegen.text import docstring

_PYTHON = LANGUAGES["python"]


def tables(model: Model) -> Mapping[str, Any]:
    catalog = model.catalog
    names = {
        "products": tuple(product.name for product in catalog.products),
        "statuses": tuple(status.name for status in catalog.statuses),
        "log_levels": catalog.log_levels,
    }
    return {
        **{name: literal(values) for name, values in names.items()},
        **{f"{name}_type": ", ".join(map(literal, values)) for name, values in names.items()},
        "version": literal(catalog.version),
        "catalog_version": literal(model.catalog_version),
        "usage_topic": literal(catalog.topic("usage").name),
        "dead_letter_topic": literal(catalog.topic("dead_letter").name),
        "default_status": literal(catalog.default_status.name),
        "log_status": literal(catalog.log_status.name),
        "default_log_level": literal(catalog.default_log_level),
        "log_level_key": literal(model.event.log_level_key),
        "log_message_key": literal(model.event.log_message_key),
        "log_message_kept": model.event.log_message_kept,
        "of_other_calls": [
            (c.name.upper(), literal(c.value), f"{c.about[0].upper()}{c.about[1:]}.")
            for c in phrases.of_other_calls(model.event)
        ],
        "nanoseconds": [
            (literal((m.product, m.name)), nanoseconds)
            for m in catalog.metric_types
            if (nanoseconds := catalog.nanoseconds(m)) is not None
        ],
        "metric_types": [
            (literal(product.name), literal(tuple(m.name for m in product.metric_types)))
            for product in catalog.products
        ],
        "aliases": [(literal(alias), literal((m.product, m.name))) for alias, m in catalog.aliases],
        "removed": [
            (literal((m.product, m.name)), literal(phrases.removal(m))) for m in catalog.removed
        ],
        "billable": [(literal(s.name), int(s.billable)) for s in catalog.statuses],
    }


@dataclass(frozen=True, slots=True)
class _Constant:
    """The constant of a metric type: its name, its arguments and its docstring."""

    name: str
    arguments: str
    doc: str


@dataclass(frozen=True, slots=True)
class _Namespace:
    name: str
    doc: str
    constants: tuple[_Constant, ...]


def namespace(model: Model, product: Product) -> _Namespace:
    doc = docstring(product.description, "    ", summary=product.title)
    return _Namespace(
        name=_PYTHON.attribute(product.name),
        doc="\n".join(doc),
        constants=tuple(_constant(model, metric) for metric in product.metric_types),
    )


def _constant(model: Model, metric: MetricType) -> _Constant:
    arguments = [literal(metric.product), literal(metric.name)]
    described = ("title", "description", "owner", "unit", "aggregation")
    arguments += [f"{name}={literal(getattr(metric, name))}" for name in described]
    doc = metric.description
    if metric.quantity:
        rule = metric.quantity
        arguments.append(f"quantity=QuantityRule({rule.integer}, {rule.minimum}, {rule.maximum})")
    if metric.metadata:
        rows = [(k.name, k.required, k.type, k.allowed) for k in metric.metadata]
        keys = ", ".join(f"MetadataKey({', '.join(map(literal, row))})" for row in rows)
        arguments.append(f"metadata=({keys},)")
    if metric.fields:
        limits = [(rule.name, rule.required, rule.allowed) for rule in model.field_rules(metric)]
        rules = ", ".join(f"FieldRule({', '.join(map(literal, row))})" for row in limits)
        arguments.append(f"fields=({rules},)")
    if metric.deprecated:
        old = metric.deprecated
        row = ", ".join(map(literal, (old.since, old.replaced_by, old.remove_in)))
        arguments.append(f"deprecated=Deprecation({row})")
        doc = f"Deprecated {phrases.deprecation(metric, _metric_name)} {doc}"
    return _Constant(
        name=_PYTHON.attribute(metric.name),
        arguments=", ".join(arguments),
        doc="\n".join(docstring(doc, "    ")),
    )


def _metric_name(product: str, name: str) -> str:
    return f"metrics.{_PYTHON.metric(product, name)}"

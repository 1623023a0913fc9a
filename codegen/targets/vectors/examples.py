"""Example arguments that satisfy the rules of a metric type."""

from __future__ import annotations

import math
from collections.abc import Mapping

from codegen.model import Field, MetricType, Model
from codegen.numbers import ecmascript
from codegen.targets.vectors.samples import sample, wire
from codegen.targets.vectors.values import digest, json_text, text

_EXAMPLES: Mapping[str, object] = {"string": "x", "integer": 1, "number": 1.5, "boolean": True}


def bounded(one: MetricType) -> frozenset[str]:
    """Returns the parts of the catalog that its rules constrain."""
    metadata = one.metadata or one.pii
    rules = {"quantity": one.quantity, "metadata": metadata, "fields": one.fields}
    return frozenset(part for part, rule in rules.items() if rule)


def allowed(model: Model, one: MetricType) -> tuple[dict[str, object], dict[str, str]]:
    """Returns minimal arguments that satisfy a metric type, and their texts in the event."""
    event = model.event
    arguments: dict[str, object] = {}
    texts: dict[str, str] = {}
    if one.quantity is not None:
        field = event.roles["quantity"]
        low, _ = quantities(field, one)
        arguments[field.name], texts[field.name] = low, ecmascript(low)
    if keys := required(one):
        field = event.roles["metadata"]
        arguments[field.name], texts[field.name] = keys, text(json_text(redacted(one, keys)))
    for rule in model.field_rules(one):
        if rule.required:
            dimension = event.field(rule.name)
            value = rule.allowed[0] if rule.allowed else sample(dimension)
            arguments[rule.name], texts[rule.name] = value, wire(dimension, value)
    return arguments, texts


def redacted(one: MetricType, keys: Mapping[str, object]) -> dict[str, object]:
    """Returns metadata as an event of a metric type has it."""
    actions = dict(one.pii)
    return {
        name: digest(value) if name in actions else value
        for name, value in keys.items()
        if actions.get(name) != "drop"
    }


def quantities(field: Field, one: MetricType) -> tuple[float, float]:
    """Returns the smallest and the largest quantity of a metric type."""
    low: float = field.limits["minimum"]
    high: float = field.limits["maximum"]
    rule = one.quantity
    if rule is not None:
        low = low if rule.minimum is None else rule.minimum
        high = high if rule.maximum is None else rule.maximum
        low = math.ceil(low) if rule.integer else low
    return low, high


def required(one: MetricType) -> dict[str, object]:
    """Returns the metadata keys that a metric type requires, each with an allowed value.

    They are sorted, since a map of Go has no other order.
    """
    return {
        key.name: key.allowed[0] if key.allowed else _EXAMPLES[key.type or "string"]
        for key in sorted(one.metadata, key=lambda key: key.name)
        if key.required
    }

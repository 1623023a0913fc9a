"""Generates the JSON Schema (2020-12) of the event, for readers of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen import text
from codegen.model import Field, KeyRule, Model

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number", "format": "decimal"},
    "integer": {"type": "integer"},
    "flag": {"type": "integer", "enum": [0, 1]},
    "json": {"type": "string", "contentMediaType": "application/json"},
    "timestamp": {"type": "string", "format": "date-time"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "enum": {"type": "string"},
    "list": {"type": "array"},
}

_KEYWORDS = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
    "min_items": "minItems",
    "max_items": "maxItems",
}
_OF_ITEMS = ("min_length", "max_length")


def event_schema(model: Model) -> dict[str, Any]:
    """Returns the schema of one event in Kafka.

    Names of the catalog are plain strings and unknown fields are allowed, since the SDK that sent
    an event may have a newer catalog than its reader. What metric types require of fields is in it:
    to require more is a breaking change.
    """
    rules = list(_conditions(model))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model.event.name,
        "description": text.flow(model.event.description),
        "type": "object",
        "properties": {field.name: property_schema(field) for field in model.event.fields},
        "required": [field.name for field in model.event.fields if field.is_always_there],
        **({"allOf": rules} if rules else {}),
    }


def _conditions(model: Model) -> Iterator[dict[str, Any]]:
    """Yields what the metric types of a product require of fields, each set of rules once."""
    for product in model.catalog.products:
        groups: dict[tuple[KeyRule, ...], list[str]] = {}
        for metric in product.metric_types:
            groups.setdefault(model.field_rules(metric), []).append(metric.name)
        for rules, names in groups.items():
            if rules:
                yield _condition(model, product.name, names, rules)


def _condition(
    model: Model, product: str, metric_types: list[str], rules: tuple[KeyRule, ...]
) -> dict[str, Any]:
    """Returns one condition, for the events of record() alone: they lack fields of other calls."""
    roles = model.event.roles
    others = [field.name for field in model.event.dimensions if "record" not in field.calls]
    allowed = {r.name: {"enum": list(r.allowed)} for r in rules if r.allowed}
    required = [rule.name for rule in rules if rule.required]
    return {
        "if": {
            "properties": {
                roles["product"].name: {"const": product},
                roles["metric_type"].name: {"enum": metric_types},
            },
            **({"not": {"anyOf": [{"required": [name]} for name in others]}} if others else {}),
        },
        "then": {
            **({"properties": allowed} if allowed else {}),
            **({"required": required} if required else {}),
        },
    }


def property_schema(field: Field) -> dict[str, Any]:
    """Returns the schema of one field, with its limits."""
    schema = dict(_TYPES[field.type])
    if field.nullable:
        schema["type"] = [schema["type"], "null"]
    items: dict[str, Any] = {"type": "string"}
    for limit, keyword in _KEYWORDS.items():
        if limit in field.limits:
            of = items if field.type == "list" and limit in _OF_ITEMS else schema
            of[keyword] = field.limits[limit]
    if field.type == "list":
        schema["items"] = items
    if field.values:
        schema["enum"] = list(field.values)
    schema["description"] = text.flow(field.description)
    return schema

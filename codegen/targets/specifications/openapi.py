"""The HTTP API as OpenAPI 3.1: its paths, and events, calls and errors as schemas.

A project without an HTTP API has the schemas alone, for servers in front of an SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen import text
from codegen.model import Field, MetricType, Model, Product
from codegen.targets.event_schema import event_schema, property_schema
from codegen.targets.specifications.paths import paths
from codegen.targets.specifications.shapes import shapes

_KEY = {"type": "http", "scheme": "bearer", "description": "Made by `usage-api keys new`."}


def openapi(model: Model) -> dict[str, Any]:
    """Returns the document."""
    event, http = model.event, model.sdk.http
    described = http is not None and bool(http.endpoints)
    stored = event_schema(model)
    call = _call(model)
    del stored["$schema"]  # that of OpenAPI 3.1 is the same dialect
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{event.name} {'API' if described else 'schemas'}",
            "version": model.catalog.version,
            "description": "What record() takes, what becomes of it, and why it may be rejected.",
        },
        **({"paths": paths(model, http)} if http is not None and described else {}),
        "components": {
            "schemas": {
                event.name: stored,
                "Call": call,
                "Batch": {
                    "description": "The calls that are recorded together, all or none.",
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Call"},
                    "minItems": 1,
                    "maxItems": event.batch.max_events,
                },
                "Error": _error(model),
                **({"Event": _typed(model, call), **shapes(model)} if described else {}),
            },
            **({"securitySchemes": {"key": _KEY}} if described else {}),
        },
    }


def _typed(model: Model, call: dict[str, Any]) -> dict[str, Any]:
    """Returns what an event of a request may be: a call, or one with an event type."""
    roles = model.event.roles
    named = {roles["product"].name, roles["metric_type"].name}
    properties = {name: each for name, each in call["properties"].items() if name not in named}
    typed = {
        "description": "A call with `product.metric_type`, or an alias, as one name.",
        "type": "object",
        "properties": {"event_type": {"type": "string"}, **properties},
        "required": ["event_type", *(name for name in call["required"] if name not in named)],
    }
    return {
        "description": "Names may also be in camelCase.",
        "anyOf": [{"$ref": "#/components/schemas/Call"}, typed],
    }


def _call(model: Model) -> dict[str, Any]:
    """Returns the arguments of record() by name."""
    event = model.event
    names = (*event.positional, *event.named)
    fields = [*map(event.field, names), *event.dimensions_of("record")]
    return {
        "description": "The arguments of record(), by name.",
        "type": "object",
        "properties": {field.name: _argument(model, field) for field in fields},
        "required": [f.name for f in fields if not f.optional],
        "allOf": [
            {
                "oneOf": [_product(model, product) for product in model.catalog.products],
                "description": "Each product has metric types of its own.",
            },
            *(_condition(model, names, rule) for names, rule in _rules(model)),
            *_between(fields),
        ],
        "additionalProperties": False,
    }


def _argument(model: Model, field: Field) -> dict[str, Any]:
    catalog = model.catalog
    schema: dict[str, Any] = property_schema(field)
    if field.type == "json":
        schema = {"type": "object"}
    if field.type == "number":
        del schema["format"]
    if field.catalog == "status":
        schema["enum"] = [status.name for status in catalog.statuses]
        schema["default"] = catalog.default_status.name
    elif field.type == "number" and field.default is not None:
        schema["default"] = field.default
    return schema


def _product(model: Model, product: Product) -> dict[str, Any]:
    roles = model.event.roles
    return {
        "title": product.title,
        "properties": {
            roles["product"].name: {"const": product.name},
            roles["metric_type"].name: {"enum": [m.name for m in product.metric_types]},
        },
    }


def _rules(model: Model) -> Iterator[tuple[tuple[str, list[str]], dict[str, Any]]]:
    """Yields the rules of a product's metric types, each set of rules once, with their names."""
    for product in model.catalog.products:
        groups: list[tuple[list[str], dict[str, Any]]] = []
        for metric in product.metric_types:
            if rule := _rule(model, metric):
                same = next((names for names, other in groups if other == rule), None)
                if same is None:
                    groups.append(([metric.name], rule))
                else:
                    same.append(metric.name)
        for names, rule in groups:
            yield (product.name, names), rule


def _rule(model: Model, metric: MetricType) -> dict[str, Any]:
    roles = model.event.roles
    properties: dict[str, Any] = {}
    required = [rule.name for rule in model.field_rules(metric) if rule.required]
    for rule in model.field_rules(metric):
        if rule.allowed is not None:
            properties[rule.name] = {"enum": list(rule.allowed)}
    if metric.quantity:
        limits = metric.quantity
        properties[roles["quantity"].name] = {
            **({"type": "integer"} if limits.integer else {}),
            **({} if limits.minimum is None else {"minimum": limits.minimum}),
            **({} if limits.maximum is None else {"maximum": limits.maximum}),
        }
    if metric.metadata:
        keys = [key.name for key in metric.metadata if key.required]
        properties[roles["metadata"].name] = {
            "properties": {
                key.name: {
                    **({"type": key.type} if key.type else {}),
                    **({} if key.allowed is None else {"enum": list(key.allowed)}),
                }
                for key in metric.metadata
            },
            **({"required": keys} if keys else {}),
        }
        if keys:
            required.append(roles["metadata"].name)
    return {
        **({"properties": properties} if properties else {}),
        **({"required": required} if required else {}),
    }


def _condition(
    model: Model, names: tuple[str, list[str]], rule: Mapping[str, Any]
) -> dict[str, Any]:
    product, metric_types = names
    roles = model.event.roles
    return {
        "if": {
            "properties": {
                roles["product"].name: {"const": product},
                roles["metric_type"].name: {"enum": metric_types},
            }
        },
        "then": rule,
    }


def _between(fields: list[Field]) -> Iterator[dict[str, Any]]:
    """Yields the rules between fields that hold whatever their values."""
    for field in fields:
        if field.excludes:
            others = [{"required": [other]} for other in field.excludes]
            yield {"if": {"required": [field.name]}, "then": {"not": {"anyOf": others}}}
        if field.dependent_required:
            wanted = {"properties": {field.name: {"not": {"const": 0}}}}
            yield {
                "if": {"required": [field.name], **(wanted if field.when_not_zero else {})},
                "then": {"required": list(field.dependent_required)},
            }


def _error(model: Model) -> dict[str, Any]:
    return {
        "description": "Why a call was rejected, or an event was not delivered.",
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "description": "What is wrong, of a closed set.",
                "oneOf": [
                    {"const": error.name, "description": text.flow(error.description)}
                    for error in model.sdk.errors
                    if error.outcome != "refused"
                ],
            },
            "field": {
                "type": "string",
                "description": "The field of the event that it is about.",
            },
            "message": {"type": "string", "description": "The same for people; it may change."},
            "index": {
                "type": "integer",
                "minimum": 0,
                "description": "The number of the call in its batch.",
            },
        },
        "required": ["code", "message"],
    }

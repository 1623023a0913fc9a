"""Generates the JSON Schema (2020-12) of the event, for readers of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen import text
from codegen.model import Field, Model

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
    an event may have a newer catalog than its reader.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model.event.name,
        "description": text.flow(model.event.description),
        "type": "object",
        "properties": {field.name: _property(field) for field in model.event.fields},
        "required": [field.name for field in model.event.fields if field.is_always_there],
    }


def _property(field: Field) -> dict[str, Any]:
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

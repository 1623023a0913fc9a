"""Valid values of the fields that an event lacks unless they are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from codegen.model import Field
from codegen.targets.vectors.values import json_text, text

UUID = "019c1345-f6c0-7000-8000-0000000000ab"
_TIME = "2026-01-31T09:30:00.000Z"
_SAMPLES: Mapping[str, Any] = {"boolean": True, "uuid": UUID, "timestamp": _TIME, "json": {"k": 1}}


def sample(field: Field) -> Any:
    """Returns a value within the limits of a field."""
    if field.type == "enum":
        return field.values[0]
    if field.type == "list":
        return [word(field, index) for index in range(field.limits.get("min_items", 1))]
    if field.type in ("number", "integer"):
        return max(field.limits["minimum"], min(field.limits["maximum"], 3))
    return word(field) if field.type == "string" else _SAMPLES[field.type]


def word(field: Field, index: int = 0) -> str:
    """Returns a text within the limits of a field."""
    long = f"{field.name[:1]}{index}".ljust(field.limits.get("min_length", 1), "x")
    return long[: field.limits["max_length"]]


def another(field: Field, allowed: Collection[Any]) -> Any:
    """Returns a value of the field's type that is not among the allowed ones."""
    if field.type == "boolean":
        return True not in allowed
    if field.type in ("number", "integer"):
        return next(value for value in range(len(allowed) + 1) if value not in allowed)
    values = (*field.values, *(word(field, index) for index in range(len(allowed) + 1)), "~")
    return next(value for value in values if value not in allowed)


def wire(field: Field, value: Any) -> str:
    """Returns the JSON text of a value within the limits."""
    if field.type == "json":
        return text(json_text(value))
    if isinstance(value, list):
        return f"[{','.join(map(text, value))}]"
    return json_text(value)

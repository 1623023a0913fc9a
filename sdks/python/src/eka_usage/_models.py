"""Dataclasses and pydantic models, whose fields are metadata."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

# Unlike __class__, it cannot be overridden.
_type_of: Callable[[Any], Any] = type


def is_model(value: object) -> bool:
    """Reports whether this is a dataclass or a pydantic model, not the class itself."""
    kind = _type_of(value)
    return hasattr(kind, "__dataclass_fields__") or _is_pydantic(kind)


def fields_of(model: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass or a pydantic model, without those that it excludes."""
    kind = _type_of(model)
    if hasattr(kind, "__dataclass_fields__"):
        dataclasses = sys.modules["dataclasses"]
        return {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    fields: dict[str, Any] = kind.model_fields if hasattr(kind, "model_fields") else kind.__fields__
    found = {name: getattr(model, name) for name, field in fields.items() if not _excludes(field)}
    return {**found, **(getattr(model, "__pydantic_extra__", None) or {})}


def _is_pydantic(kind: type) -> bool:
    # A caller with a model has imported it; nobody else should wait for that.
    pydantic = sys.modules.get("pydantic.main")
    model = getattr(pydantic, "BaseModel", None)
    return model is not None and issubclass(kind, model)


def _excludes(field: Any) -> bool:
    exclude = getattr(field, "exclude", None)  # pydantic 1 has it in field_info
    return (exclude or getattr(getattr(field, "field_info", None), "exclude", None)) is True

"""The event as a Go struct."""

from __future__ import annotations

from dataclasses import dataclass

from codegen import naming
from codegen.model import Field
from codegen.targets.go import literals

_FIELD_TYPES = {
    "flag": "int",
    "integer": "uint64",
    "number": "json.Number",
    "boolean": "*bool",
    "list": "[]string",
}


@dataclass(frozen=True, slots=True)
class _Member:
    comment: str
    declaration: str


def member(field: Field) -> _Member:
    name = naming.go_exported(field.name)
    is_pointer = field.nullable or (field.is_dimension and field.type == "integer")
    kind = ("*" if is_pointer else "") + _FIELD_TYPES.get(field.type, "string")
    tag = f'`json:"{field.name}{",omitempty" if field.is_dimension else ""}"`'
    return _Member(
        literals.comment(f"{name}: {field.description}", "\t"),
        f"{name} {kind} {tag}",
    )

"""Rules on the table of event.yaml: what its columns mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen.diagnostics import quote, suggestion
from codegen.rules.files import Files, Finding

# The type of the field that fills each role.
_ROLES = {
    "id": "string",
    "account": "string",
    "time": "timestamp",
    "accepted": "timestamp",
    "cost": "number",
    "instance": "string",
    "number": "integer",
}
_MAY_BE_NULL = ("cost",)


def table_field(files: Files) -> Iterator[Finding]:
    """A role of the table is filled by no field, or by one that cannot fill it."""
    fields = files.one("event", "fields", dict)
    for route, name in files.each("event", "table/*", str):
        role = str(route[-1])
        if role not in _ROLES:
            continue
        wanted = _ROLES[role]
        fitting = [each for each, field in fields.items() if _of(field, "type") == wanted]
        if name not in fields:
            message = f"{role} {quote(name)} is no field: {suggestion(name, fitting)}"
            yield Finding("event", route, message)
        elif name not in fitting:
            message = f"{role} must be a {wanted}, and {quote(name)} is a "
            yield Finding("event", route, f"{message}{_of(fields[name], 'type')}")
        elif role not in _MAY_BE_NULL and _of(fields[name], "nullable") is True:
            message = f"{role} may not be null, and {quote(name)} may: take one of them away"
            yield Finding("event", route, message)


def table_column(files: Files) -> Iterator[Finding]:
    """The table has two columns of one name, or nothing to add up."""
    fields = files.one("event", "fields", dict)
    for route, name in files.each("event", "table/ingested", str):
        if name in fields:
            message = f"{quote(name)} is a field already: choose another name"
            yield Finding("event", route, message)
        if not any(_of(field, "catalog") == "quantity" for field in fields.values()):
            message = "a table adds quantities up, and no field has `catalog: quantity`"
            yield Finding("event", ("table",), message, at_key=True)


def _of(field: Any, key: str) -> Any:
    return field.get(key) if isinstance(field, dict) else None

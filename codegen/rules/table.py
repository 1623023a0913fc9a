"""Rules on the table of event.yaml and the roles of its columns."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import quote, suggestion
from codegen.rules.files import Files, Finding, attribute

# The type of the field in each role.
_ROLES = {
    "id": "string",
    "account": "string",
    "time": "timestamp",
    "accepted": "timestamp",
    "cost": "number",
    "total": "number",
    "parent": "string",
    "children": "list",
    "instance": "string",
    "number": "integer",
    "service": "string",
}
_MAY_BE_NULL = ("cost", "total")


def table_field(files: Files) -> Iterator[Finding]:
    """The field of a role does not exist, or cannot have that role."""
    fields = files.one("event", "fields", dict)
    for route, name in files.each("event", "table/*", str):
        role = str(route[-1])
        if role not in _ROLES:
            continue
        wanted = _ROLES[role]
        fitting = [each for each, field in fields.items() if attribute(field, "type") == wanted]
        if name not in fields:
            message = f"{role} {quote(name)} is not a field: {suggestion(name, fitting)}"
            yield Finding("event", route, message)
        elif name not in fitting:
            message = f"{role} must be a field of type {wanted}, but {quote(name)} has type "
            yield Finding("event", route, f"{message}{attribute(fields[name], 'type')}")
        elif role not in _MAY_BE_NULL and attribute(fields[name], "nullable") is True:
            message = f"{role} must not be null, but {quote(name)} is nullable: change one of them"
            yield Finding("event", route, message)


def table_column(files: Files) -> Iterator[Finding]:
    """The table has two columns with the same name, or no quantity to total."""
    fields = files.one("event", "fields", dict)
    for route, name in files.each("event", "table/ingested", str):
        if name in fields:
            message = f"{quote(name)} is already a field: choose another name"
            yield Finding("event", route, message)
        if not any(attribute(field, "catalog") == "quantity" for field in fields.values()):
            message = "a table totals quantities, but no field has `catalog: quantity`"
            yield Finding("event", ("table",), message, at_key=True)

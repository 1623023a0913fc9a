"""The fields of an event as a table for readers."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.model import Field, Model
from codegen.text import markdown, markdown_code

_SET_BY = {"catalog": "the catalog", "client": "the client", "sdk": "the SDK"}


def fields_table(model: Model) -> str:
    """Returns a row for each field, in the order in which an event has them."""
    rows = [["Field", "Type", "Limits", "Set by", "Rules", "Column"], ["---"] * 6]
    rows += [list(_cells(field)) for field in model.event.fields]
    return "".join(f"| {' | '.join(cell or '—' for cell in row)} |\n" for row in rows)


def _cells(field: Field) -> Iterator[str]:
    yield markdown_code(field.name)
    yield f"{field.type}, optional" if field.is_dimension else field.type
    yield markdown("; ".join(_limits(field)))
    calls = ", ".join(map(markdown_code, field.calls))
    yield calls if field.is_dimension and field.set_by == "caller" else _by(field)
    yield "; ".join(_rules(field))
    yield markdown_code(field.column)


def _by(field: Field) -> str:
    by = _SET_BY.get(field.set_by, "every call")
    return f"{by}, or a call" if field.per_call else by


def _limits(field: Field) -> Iterator[str]:
    if field.values:
        yield f"one of {', '.join(field.values)}"
    for name, value in field.limits.items():
        yield f"{name.replace('_', ' ')} {value}"


def _rules(field: Field) -> Iterator[str]:
    if field.excludes:
        yield f"not with {', '.join(map(markdown_code, field.excludes))}"
    if field.dependent_required:
        unless = " unless it is 0" if field.when_not_zero else ""
        yield f"requires {', '.join(map(markdown_code, field.dependent_required))}{unless}"
    if field.billed:
        yield f"billed only if {' or '.join(map(markdown_code, field.billed))}, or absent"

"""The HTTP API's generated constants: what an event may have, and the status of each error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen import render
from codegen.model import Http, Model, Parameter, Read, Table
from codegen.render import File
from codegen.text import python_string


def outputs(model: Model, table: Table, http: Http) -> Iterator[File]:
    """Returns the modules of the API's generated package."""
    yield render.file("infra/api/_generated/__init__.py", "infra/__init__.py.j2")
    yield _calls(model, table)
    yield _errors(model, http)
    yield render.file(
        "infra/api/_generated/reads.py",
        "infra/api_reads.py.j2",
        reads=[_read(read) for read in http.reads],
    )


def _calls(model: Model, table: Table) -> File:
    event = model.event
    roles = event.roles
    named = {
        "environment prefix": model.catalog.env_prefix,
        "id": table.id,
        "account": table.account,
        "product": roles["product"].name,
        "metric type": roles["metric_type"].name,
        "metadata": roles["metadata"].name if "metadata" in roles else "",
        "quantity": roles["quantity"].name if "quantity" in roles else "",
        "time": table.time,
        "service": next((field.name for field in event.fields if field.per_call), ""),
        "children": table.children or "",
    }
    return render.file(
        "infra/api/_generated/calls.py",
        "infra/api_calls.py.j2",
        names={
            name.replace(" ", "_").upper(): python_string(value) for name, value in named.items()
        },
        arguments=[python_string(field.name) for field in event.arguments],
        batch=event.batch,
        accepts_undeclared=model.catalog.accepts_undeclared,
    )


def _errors(model: Model, http: Http) -> File:
    rejecting = (error.name for error in model.sdk.errors if error.outcome == "rejected")
    return render.file(
        "infra/api/_generated/errors.py",
        "infra/api_errors.py.j2",
        statuses=[(python_string(code), http.status(code)) for code in rejecting],
        errors=[
            (python_string(error.name), error.status, python_string(error.text))
            for error in http.errors
        ],
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A path of the table; all but flags are literals of Python."""

    path: str
    account: bool
    filters: bool
    formats: str
    parameters: list[tuple[str, str]]


def _read(read: Read) -> _Read:
    return _Read(
        python_string(read.path),
        read.account,
        read.filters,
        _tuple(read.formats),
        [(python_string(each.name), _parameter(each)) for each in read.parameters],
    )


def _parameter(parameter: Parameter) -> str:
    """Returns the arguments of a parameter in the table, without those that have their default."""
    values = {
        "repeated": "True" if parameter.repeated else None,
        "default": _literal(parameter.default),
        "choices": _tuple(parameter.choices) if parameter.choices else None,
        "minimum": _literal(parameter.minimum),
        "maximum": _literal(parameter.maximum),
    }
    named = [f"{name}={value}" for name, value in values.items() if value is not None]
    return ", ".join([python_string(parameter.type), *named])


def _literal(value: str | int | None) -> str | None:
    if isinstance(value, str):
        return python_string(value)
    return None if value is None else str(value)


def _tuple(values: tuple[str, ...]) -> str:
    items = ", ".join(map(python_string, values))
    return f"({items},)" if len(values) == 1 else f"({items})"

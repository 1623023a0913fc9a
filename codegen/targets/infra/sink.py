"""The sink's generated constants: the fields of events, their table and their topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codegen import render
from codegen.model import Field, Model, Table, milliseconds
from codegen.render import File
from codegen.targets.infra import monitoring
from codegen.targets.infra.as_of import SUFFIX
from codegen.targets.infra.checks import FIRST_YEAR, LAST_YEAR, NAMES, name_pattern
from codegen.targets.infra.clickhouse import RELATED
from codegen.text import python_string

_LIMITS = (
    *("min_length", "max_length", "minimum", "maximum", "max_bytes"),
    *("min_items", "max_items"),
)
# Views that there are only with sessions.
_OF_SESSIONS = ("sessions", "usage_without_sessions", "usage_detail_without_sessions")


def outputs(model: Model, table: Table) -> Iterator[File]:
    """Returns the modules of the sink's generated package."""
    yield render.file("infra/sink/_generated/__init__.py", "infra/__init__.py.j2")
    yield _fields(model, table)
    yield monitoring.sink_table(model)


def _fields(model: Model, table: Table) -> File:
    roles = model.event.roles
    retention = model.catalog.store.retention
    named = {
        "version": model.catalog.version,
        "environment prefix": model.catalog.env_prefix,
        "usage topic": model.catalog.topic("usage").name,
        "dead letter topic": model.catalog.topic("dead_letter").name,
        "database": table.database,
        "table": table.name,
        **RELATED,
        **({} if model.event.session else dict.fromkeys(_OF_SESSIONS, "")),
        "boundary": model.event.session.boundary if model.event.session else "",
        "as of suffix": SUFFIX,
        "time zone": model.catalog.billing.time_zone,
        "currency": model.catalog.billing.currency or "",
        "ingested": table.ingested,
        "id": table.id,
        "account": table.account,
        "product": roles["product"].name,
        "metric type": roles["metric_type"].name,
        "status": roles["status"].name,
        "void status": model.event.void.status if model.event.void else "",
        "billable": roles["billable"].name,
        "quantity": roles["quantity"].name,
        "metadata": roles["metadata"].name if "metadata" in roles else "",
        "cost": table.cost or "",
        "void field": model.event.void.field if model.event.void else "",
        "time": table.time,
        "accepted": table.accepted,
        "instance": table.instance,
        "number": table.number,
        "service": table.service or "",
    }
    return render.file(
        "infra/sink/_generated/fields.py",
        "infra/fields.py.j2",
        names={
            name.replace(" ", "_").upper(): python_string(value) for name, value in named.items()
        },
        years=(FIRST_YEAR, LAST_YEAR),
        ahead=milliseconds(model.catalog.store.ahead) // 1000,
        retention=retention and milliseconds(retention) // 1000,
        accepts_undeclared=model.catalog.accepts_undeclared,
        arguments=[python_string(field.name) for field in model.event.arguments],
        fields=[list(_arguments(field)) for field in model.event.fields],
    )


def _arguments(field: Field) -> Iterator[str]:
    yield python_string(field.name)
    named: dict[str, Any] = {"kind": field.type, "column": field.column}
    if field.nullable:
        named["nullable"] = True
    if not field.is_always_there:
        named["required"] = False
    if field.values:
        named["values"] = field.values
    if field.billed:
        named["billed"] = field.billed
    named |= {limit: field.limits[limit] for limit in _LIMITS if limit in field.limits}
    if field.catalog in NAMES:
        named["pattern"] = name_pattern()
    for name, value in named.items():
        yield f"{name}={_literal(value)}"


def _literal(value: Any) -> str:
    match value:
        case str():
            return python_string(value)
        case (only,):
            return f"({_literal(only)},)"
        case tuple():
            return f"({', '.join(map(_literal, value))})"
        case _:
            return repr(value)

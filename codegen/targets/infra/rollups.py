"""Roll-ups: the columns of their lines, computed from rows of usage, and added up from lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codegen import render
from codegen.model import Model, Table
from codegen.render import File
from codegen.text import python_string

_TEXT = "LowCardinality(String)"
# As in the lines of invoices: the largest, smallest or latest that counts, of several the latest.
_IS_CHOSEN = "aggregation IN ('max', 'min', 'last')"
_RANK = "multiIf(aggregation = 'max', exact_quantity, aggregation = 'min', -exact_quantity, 0)"


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of a line: its type, and its aggregates over rows of usage and over lines."""

    name: str
    type: str
    of_rows: str
    of_lines: str


def keys(model: Model, names: Mapping[str, Any]) -> dict[str, str]:
    """Returns the columns that tell the lines of a metric type's day apart, with their types."""
    return {
        "time_zone": _TEXT,
        "on_day": "Date32",
        **{field.name: _TEXT for field in model.event.fields if field.billed},
        names["billable"]: "UInt8",
        "unit": _TEXT,
        "unit_title": _TEXT,
        "aggregation": _TEXT,
    }


def measures(model: Model, table: Table, scale: int) -> list[Measure]:
    """Returns what a line holds of the rows that it stands for."""
    return list(_measures(model, table, scale))


def _measures(model: Model, table: Table, scale: int) -> Iterator[Measure]:
    types = {field.name: field.column for field in model.event.fields}
    counts = "session_state IN ('', 'ended', 'timed_out')" if model.event.session else "1"
    quantity, cost = f"Decimal(76, {scale})", f"Decimal(76, {2 * scale})"
    yield Measure("title", _TEXT, "max(_detail.title)", "max(title)")
    yield _summed("events", "UInt64", "count()")
    if model.event.session:
        yield _summed("open_sessions", "UInt64", "countIf(session_state = 'open')")
    yield _summed("counted", "UInt64", f"countIf({counts})")
    yield _summed("total", quantity, "sum(exact_quantity)")
    position = ", ".join(types[name] for name in (table.time, table.accepted, table.number))
    order = f"({counts}, {_RANK}, position, {table.id})"
    yield Measure(
        "chosen",
        f"Tuple(UInt8, {quantity}, Tuple({position}), {types[table.id]})",
        f"maxIf({order}, {_IS_CHOSEN})",
        "max(chosen)",
    )
    yield _chosen("quantity", quantity, f"if({counts}, exact_quantity, 0)", order)
    if table.cost:
        yield _summed("unpriced", "UInt64", "countIf(isNull(exact_cost))")
        yield _summed("total_cost", cost, "sum(ifNull(exact_cost, 0))")
        yield _chosen("cost", cost, f"if({counts}, ifNull(exact_cost, 0), 0)", order)


def _summed(name: str, kind: str, of_rows: str) -> Measure:
    return Measure(name, kind, of_rows, f"sum({name})")


def _chosen(name: str, kind: str, value: str, order: str) -> Measure:
    column = f"chosen_{name}"
    of_rows = f"argMaxIf({value}, {order}, {_IS_CHOSEN})"
    return Measure(column, kind, of_rows, f"argMax({column}, chosen)")


def output(model: Model, names: Mapping[str, Any], measured: list[Measure], scale: int) -> File:
    """Returns the module with the SQL of a line for the sink."""
    session, void = model.event.session, model.event.void
    return render.file(
        "infra/sink/_generated/rollup.py",
        "infra/rollup.py.j2",
        t=names,
        scale=scale,
        cost_scale=2 * scale,
        voids=python_string(void.field if void else ""),
        session_id=python_string(session.field if session else ""),
        boundary=python_string(session.boundary if session else ""),
        keys=[python_string(name) for name in keys(model, names)],
        measures=[
            [python_string(text) for text in (each.name, each.of_rows, each.of_lines)]
            for each in measured
        ],
    )

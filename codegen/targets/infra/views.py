"""ClickHouse: the views of what arrived, was taken back, is a session, and is billed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen import render
from codegen.model import Event, Model
from codegen.render import File
from codegen.targets.infra.as_of import as_of
from codegen.text import sql_string

# The lines of each period, and the rows that they add up.
_PERIODS = tuple((f"usage_by_{p}", f"usage_detail_by_{p}", p) for p in ("day", "month"))
# The types of fields whose different values are counted, or that tell levels apart.
_VALUES = ("string", "integer")
# What a session has of its own, where other columns are those of its start. The first three are how
# sessions are grouped, so that a filter on them reads no other sessions.
_OF_SESSION = ("account", "product", "metric_type", "quantity", "status", "billable")


# The scripts of the views that there are as of a time too.
_AS_OF = ("received", "sessions", "views")
# What a close holds of an event beside its identity and month.
_HELD = (
    *("counted", "title", "unit", "unit_title", "aggregation", "time_zone", "session_state"),
    *("exact_quantity", "exact_cost", "position", "unique_value", "series"),
)

# The field with the version of the catalog, which every SDK sets.
_RELEASE = "catalog_version"
# More than any part of a version is.
PART = 1_000_000


def outputs(model: Model, folder: str, names: Mapping[str, Any], scale: int) -> Iterator[File]:
    """Yields the scripts, which are applied in the order of their names."""
    event = model.event
    costs = [name for name in (names["cost"], names["total"]) if name]
    values: dict[str, Any] = {
        "t": {**names, "release": _RELEASE},
        "columns": [field.name for field in event.fields],
        "void": event.void,
        "void_status": event.void and sql_string(event.void.status),
        "reason": event.void and sql_string(event.void.reason_key),
        "session": event.session,
        "costs": costs,
        "free": costs[-1] if costs else None,
        "scale": scale,
        "part": PART,
        "cost_scale": 2 * scale,
        "quantity_type": event.roles["quantity"].column,
        "of_session": {*(names[role] for role in _OF_SESSION), *costs},
        "details": _details(names, event),
        "periods": _PERIODS,
        "held": (names["billable"], *_HELD),
        "metadata": names.get("metadata"),
        "value_fields": [f.name for f in event.dimensions_of("record") if f.type in _VALUES],
        "apart": [field.name for field in event.fields if field.billed],
        "zone": sql_string(model.catalog.billing.time_zone),
    }
    for name, only_sums in (("measures", False), ("measures_of_sums", True)):
        text = render.render("infra/clickhouse/measures.sql.j2", only_sums=only_sums, **values)
        values[name] = text.rstrip()
    scripts = ["periods", "received", "views", "billed"]
    if event.session:
        scripts.insert(2, "sessions")
    if names["parent"] and names["cost"]:
        scripts.append("workflows")
    made = {script: _file(folder, script, values) for script in scripts}
    yield from made.values()
    values["as_of"] = as_of([made[script].text for script in scripts if script in _AS_OF], names)
    yield _file(folder, "views_as_of", values)
    yield render.file(
        "infra/sink/_generated/lines.py",
        "infra/lines.py.j2",
        names=_measures(names, event),
        **values,
    )


def _file(folder: str, script: str, values: Mapping[str, Any]) -> File:
    path = f"{folder}/current/{script}.sql"
    return render.file(path, f"infra/clickhouse/{script}.sql.j2", **values)


def _details(names: Mapping[str, Any], event: Event) -> list[tuple[str, str]]:
    """Returns the views of what invoices read, each with the view of its rows."""
    parts = ("usage_without_sessions", "usage") if event.session else ("usage",)
    return [(names[part.replace("usage", "usage_detail")], names[part]) for part in parts]


def _measures(names: Mapping[str, Any], event: Event) -> list[str]:
    """Returns the names of the measures of a line, in the order of their template."""
    found = ["title", "unit", "unit_title", "aggregation", "events"]
    found += ["open_sessions"] if event.session else []
    found += ["without_value", names["quantity"]]
    return [*found, *(["unpriced", "cost"] if names["cost"] else [])]

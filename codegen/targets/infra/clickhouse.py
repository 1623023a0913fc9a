"""ClickHouse: the migrations of the table of events, the catalog's tables, and the views."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from codegen import render
from codegen.model import MetricType, Model, Table, milliseconds
from codegen.render import File, History
from codegen.targets.infra import rollups, views
from codegen.targets.infra.checks import checks
from codegen.targets.infra.migrations import Columns, extend
from codegen.text import sql_string
from codegen.versions import parsed

FOLDER = "infra/clickhouse"

# The views and tables around the table of events, by their names in code.
RELATED = {
    "receipts": "usage_receipts",
    "expired": "usage_expired",
    "explained": "usage_explained",
    "rebuilt": "usage_events_rebuilt",
    "received": "usage_received",
    "voided": "usage_voided",
    "sessions": "usage_sessions",
    "time_zones": "time_zones",
    "zone_offsets": "zone_offsets",
    "zone_months": "zone_months",
    "workspace_zones": "workspace_zones",
    "workspace_periods": "workspace_periods",
    "renames": "workspace_renames",
    "usage": "usage",
    "usage_without_sessions": "usage_without_sessions",
    "usage_detail": "usage_detail",
    "usage_detail_without_sessions": "usage_detail_without_sessions",
    "identities": "usage_identities",
    "arrivals": "usage_arrivals",
    "rollup": "usage_rollup",
    "rollup_step": "usage_rollup_step",
    "rollup_state": "usage_rollup_state",
    "usage_levels": "usage_levels",
    "usage_detail_by_day": "usage_detail_by_day",
    "usage_detail_by_month": "usage_detail_by_month",
    "usage_by_month": "usage_by_month",
    "closes": "closes",
    "close_lines": "close_lines",
    "close_events": "close_events",
    "imports": "usage_imports",
    "erasures": "usage_erasures",
    "erased": "usage_erased",
    "billed": "usage_billed",
    "billed_by_month": "usage_billed_by_month",
}

# Decreases over time and within an insert, whose rows have one time.
_PRECEDENCE = (
    "bitNot(bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Milli({})), 20), "
    "least(rowNumberInAllBlocks(), 1048575)))"
)
_DECIMAL = re.compile(r"Decimal\w*\((?:[0-9]+, *)?([0-9]+)\)")
_DAY_MS = 86_400_000
# For a column that is not a Decimal, and so has no scale of its own.
_SCALE = 12


def outputs(model: Model, table: Table) -> Iterator[File | History]:
    """Returns the migrations, then the scripts that are applied again whenever they change."""
    names = _names(model, table)
    types = {field.name: field.column for field in model.event.fields}
    scale = _widest_scale(types, names)
    measured = rollups.measures(model, table, scale)
    lines = [*rollups.keys(model, names).items(), *((each.name, each.type) for each in measured)]
    yield History(FOLDER, lambda written: extend(written, _columns(model, table, names, lines)))
    yield render.file(
        f"{FOLDER}/current/catalog.sql",
        "infra/clickhouse/catalog.sql.j2",
        database=table.database,
        release=sql_string(model.catalog.version),
        order=_order(model.catalog.version),
        zone=sql_string(model.catalog.billing.time_zone),
        currency=sql_string(model.catalog.billing.currency or ""),
        metrics=[_metric(model, metric) for metric in _every(model)],
        statuses=[
            [sql_string(status.name), str(int(status.billable)), sql_string(status.description)]
            for status in model.every_status
        ],
    )
    retention = model.catalog.store.retention
    yield render.file(
        f"{FOLDER}/current/retention.sql",
        "infra/clickhouse/retention.sql.j2",
        t=names,
        days=retention and ceil(milliseconds(retention) / _DAY_MS),
    )
    yield from views.outputs(model, FOLDER, names, scale)
    yield rollups.output(model, names, measured, scale)


def _order(version: str) -> int:
    """Returns a number that orders versions, as views compute it from the version of an event."""
    major, minor, patch = parsed(version) or (0, 0, 0)
    return (major * views.PART + minor) * views.PART + patch


def _names(model: Model, table: Table) -> Mapping[str, Any]:
    """The columns' names by the roles that the templates refer to."""
    fields = {role: field.name for role, field in model.event.roles.items()}
    return {**asdict(table), "events": table.name, **RELATED, **fields}


def _columns(
    model: Model, table: Table, names: Mapping[str, Any], lines: Sequence[tuple[str, str]]
) -> Columns:
    types = {field.name: field.column for field in model.event.fields}
    receipts = dict.fromkeys((table.instance, table.number, table.accepted, table.time))
    identity = (table.account, names["product"], names["metric_type"], table.id)
    values = {
        "t": names,
        "identity": identity,
        "costs": [name for name in (table.cost, table.total) if name],
        "receipts": [(name, types[name]) for name in receipts],
        "precedence": _PRECEDENCE.format(table.ingested),
        "scale": _widest_scale(types, names),
        "session": model.event.session,
        "line_columns": lines,
        "related": _related(model, names),
    }
    revisions = {
        "first_within_an_insert": "first_within_an_insert",
        "expired_messages": "expired",
        "key_is_the_identity": "identity",
        "receipts_hold_hashes": "hashes",
        "explanations": "explained",
        "closing": "closing",
        "closes_hold_values": "closed_values",
        "time_zones": "zones",
        "months_of_identities": "identities",
        **({"receipts_name_services": "services"} if table.service else {}),
        "imports": "imports",
        "erasures": "erasures",
        "roll_ups": "rollup",
        "renames": "renames",
    }

    def script(name: str, columns: Mapping[str, str] = types) -> str:
        template = f"infra/clickhouse/{name}.sql.j2"
        return render.render(template, columns=columns.items(), **values)

    return Columns(
        table=f"{table.database}.{table.name}",
        time=table.time,
        key=identity,
        former_key=(*identity[:-1], table.time, table.id),
        types=types,
        later=frozenset(f.name for f in model.event.fields if not f.is_always_there),
        create=lambda columns: script("create", columns),
        checks=checks(model),
        revisions={name: script(template) for name, template in revisions.items()},
    )


def _widest_scale(types: Mapping[str, str], names: Mapping[str, Any]) -> int:
    """Returns the most decimals that a quantity or a cost has."""
    return max(_scale(types[names[role]]) for role in ("quantity", "cost", "total") if names[role])


def _related(model: Model, names: Mapping[str, Any]) -> str:
    """Returns the condition for events that decide what others amount to."""
    event = model.event
    conditions = []
    if event.void:
        conditions.append(f"{names['status']} = {sql_string(event.void.status)}")
    if event.session:
        conditions.append(f"{event.session.boundary} != ''")
    return " OR ".join(conditions) or "0"


def _scale(column: str) -> int:
    match = _DECIMAL.search(column)
    return int(match[1]) if match else _SCALE


def _every(model: Model) -> Iterator[MetricType]:
    """Yields removed metric types too: invoices of old months show their titles and units."""
    for product in model.catalog.every_product:
        yield from (*product.metric_types, *product.removed)


def _metric(model: Model, metric: MetricType) -> list[str]:
    product = next(p for p in model.catalog.every_product if p.name == metric.product)
    units = {unit.name: unit for unit in model.catalog.units}
    unit, total = units[metric.unit], metric.total
    deprecated, removed = metric.deprecated, metric.removed
    ends: tuple[str | None, str | None, str | None] = (None, None, None)
    if removed:
        since = deprecated.since if deprecated else None
        ends = (since, removed.replaced_by, removed.version)
    elif deprecated:
        ends = (deprecated.since, deprecated.replaced_by, deprecated.remove_in)
    texts = (
        *(metric.product, metric.name, product.title, metric.title, metric.description),
        *(metric.owner, unit.name, unit.title, unit.dimension, metric.aggregation),
        *ends,
    )
    annotations = ", ".join(
        f"{sql_string(k)}, {sql_string(v)}" for k, v in metric.annotations.items()
    )
    return [
        *("NULL" if text is None else sql_string(text) for text in texts),
        f"[{', '.join(map(sql_string, metric.aliases))}]",
        f"map({annotations})",
        str(model.catalog.nanoseconds(metric) or 0),
        str(_timeout(model, metric)),
        sql_string(metric.of or ""),
        sql_string(metric.series or ""),
        sql_string(total.unit if total else ""),
        sql_string(units[total.unit].title if total else ""),
        str(total.seconds if total else 0),
    ]


def _timeout(model: Model, metric: MetricType) -> int:
    """Returns in milliseconds how long a session counts after its last boundary."""
    if model.event.session is None:
        return 0
    return milliseconds(metric.session_timeout or model.event.session.timeout)

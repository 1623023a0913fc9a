"""Inserts rows into the table of events, without a sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ARRIVALS,
    DATABASE,
    FIELDS,
    IDENTITIES,
    INGESTED,
    ROLLUP,
    ROLLUP_STATE,
    TABLE,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
_VALUES: Mapping[str, Any] = {
    "string": "x",
    "number": Decimal(1),
    "integer": 1,
    "flag": 1,
    "json": "{}",
    "timestamp": NOON,
}
_REQUIRED = [field for field in FIELDS if field.required]
_COLUMNS = [*(field.name for field in _REQUIRED), INGESTED]
_DEFAULTS = {
    **{field.name: None if field.nullable else _VALUES[field.kind] for field in _REQUIRED},
    INGESTED: NOON,
}


_ABSENT: Mapping[str, Any] = {
    **{f.name: [] if f.kind == "list" else None if f.nullable else "" for f in FIELDS},
    "cost": None,
}


def insert(client: Client, events: Iterable[Mapping[str, Any]]) -> None:
    """Inserts one block of events; each is given by how it differs from the defaults."""
    given = list(events)
    optional = {name for event in given for name in event} - _DEFAULTS.keys()
    columns = [*_COLUMNS, *sorted(optional)]
    rows = [[{**_ABSENT, **_DEFAULTS, **event}[name] for name in columns] for event in given]
    client.insert(TABLE, rows, columns, database=DATABASE)


def clear(client: Client) -> None:
    """Removes all events, as if none had ever arrived."""
    for table in (TABLE, IDENTITIES, ARRIVALS, ROLLUP, ROLLUP_STATE):
        client.command(f"TRUNCATE TABLE {DATABASE}.{table}")

"""Writes what time zones say into the store, which cuts days and months by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, TIME_ZONE, TIME_ZONES, WORKSPACE_ZONES
from infra.sink.zones.offsets import months, offsets

_USED = f"SELECT DISTINCT time_zone FROM {DATABASE}.{WORKSPACE_ZONES} FINAL"
_WRITTEN = f"SELECT time_zone, digest FROM {DATABASE}.{TIME_ZONES} FINAL"
_COLUMNS = ("time_zone", "digest", "offsets", "months")


def write_used(client: Client) -> None:
    """Writes every zone that is in use, and again what a newer database says otherwise.

    Raises:
        ClickHouseError: the store rejects it.
    """
    write(client, {TIME_ZONE, *(row[0] for row in client.query(_USED).result_rows)})


def write(client: Client, zones: Iterable[str]) -> None:
    """Writes zones that the store lacks, or has otherwise; each in one row, so as a whole.

    Raises:
        ClickHouseError: the store rejects it.
    """
    written = {str(row[0]): row[1] for row in client.query(_WRITTEN).result_rows}
    rows = []
    for zone in sorted(zones):
        digest = hashlib.sha256(repr(offsets(zone)).encode()).hexdigest()
        if written.get(zone) != digest:
            changes = [
                (each.since, each.ahead.total_seconds(), each.first_day) for each in offsets(zone)
            ]
            rows.append([zone, digest, changes, list(months(zone))])
    if rows:
        client.insert(TIME_ZONES, rows, _COLUMNS, database=DATABASE)

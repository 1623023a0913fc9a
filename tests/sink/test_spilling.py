"""Groups that memory does not hold are on disk: the number of events does not bound a question."""

from __future__ import annotations

from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.usage import sql
from infra.sink.usage.query import Dimension, Period, Query
from tests.sink.events import insert

# A thread of ClickHouse writes no fewer than 100,000 groups to disk.
_GROUPS = 150_000


def test_more_groups_than_memory_holds_are_on_disk(store: Client) -> None:
    insert(store, [{"event_id": "0", "run_id": "0"}])
    store.command(
        f"INSERT INTO {DATABASE}.{TABLE} SELECT _event.* REPLACE"
        " (toString(_n.number) AS event_id, toString(_n.number) AS run_id)"
        f" FROM {DATABASE}.{TABLE} AS _event CROSS JOIN numbers(1, {_GROUPS - 1}) AS _n"
    )
    query = Query(
        workspaces=None,
        period=Period.month(date(2026, 3, 1)),
        group_by=(Dimension("run_id"),),
        limit=_GROUPS,
    )
    store.set_client_setting("max_threads", 1)
    sql.spill_beyond(store, 1)
    before = written(store)
    rows = sql.fetch(store, sql.lines(query, datetime.now(UTC)))
    assert len(rows) == _GROUPS
    assert written(store) > before


def written(store: Client) -> int:
    """Returns how often groups were written to disk."""
    query = "SELECT sum(value) FROM system.events WHERE event = 'ExternalAggregationWritePart'"
    [[parts]] = store.query(query).result_rows
    return int(parts)

"""What a workspace lacks is not planned for, and its lines are the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    DATABASE,
    USAGE_DETAIL,
    USAGE_DETAIL_BY_MONTH,
    USAGE_DETAIL_WITHOUT_SESSIONS,
)
from infra.sink.usage import sql
from infra.sink.usage.query import Period, Query
from tests.sink.events import NOON, insert

_CALL = {"workspace_id": "calls", "product": "api", "metric_type": "api_call"}
_START = {**_CALL, "workspace_id": "sessions", "event_id": "s", "boundary": "start", "quantity": 0}


def test_only_what_the_workspaces_have_is_read_and_lines_are_those_of_all(store: Client) -> None:
    later = NOON + timedelta(minutes=1)
    insert(
        store,
        [
            {**_CALL, "event_id": "1", "quantity": 3, "cost": 2},
            {**_CALL, "event_id": "1", "quantity": 9, "ingested_at": later},
            {**_CALL, "event_id": "2", "unit_cost": 4, "is_billable": 0},
            {**_CALL, "event_id": "3"},
            {**_CALL, "event_id": "4", "metric_type": "of_no_release"},
            {**_CALL, "event_id": "v", "status": "void", "voids": "3", "quantity": 0},
            {**_START, "session_id": "x"},
            {**_START, "session_id": "x", "event_id": "e", "boundary": "end"},
        ],
    )
    assert _read(store, "calls") == USAGE_DETAIL_WITHOUT_SESSIONS
    assert _read(store, "calls", "sessions") == USAGE_DETAIL
    # A release that no catalog is of any more still says what its events mean.
    _release(store, "api_error", "max")
    assert _read(store, "calls") == USAGE_DETAIL_WITHOUT_SESSIONS
    insert(
        store, [{**_CALL, "event_id": n, "metric_type": "api_error", "quantity": n} for n in "57"]
    )
    assert _read(store, "calls") == USAGE_DETAIL_WITHOUT_SESSIONS
    _release(store, "level", "time_weighted")
    assert _read(store, "calls") == USAGE_DETAIL_BY_MONTH


def _release(store: Client, metric_type: str, aggregation: str) -> None:
    values = ["api", metric_type, 1, "0.0.1", aggregation]
    columns = ["product", "metric_type", "_order", "release", "aggregation"]
    store.insert("catalog_releases", [values], columns, database=DATABASE)


def _read(store: Client, *workspaces: str) -> str:
    """Returns the view that a query of a month reads, after comparing its lines with all views'."""
    month = Period.month(date(NOON.year, NOON.month, 1))
    query = Query(workspaces=workspaces, period=month)
    now = datetime.now(UTC)
    narrow, wide = sql.lines(query, now, sql.contents(store, query)), sql.lines(query, now)
    lines = sql.fetch(store, narrow)
    assert lines == sql.fetch(store, wide)
    assert len(lines) >= len(workspaces)
    [view] = [word for word in narrow.text.split() if word.startswith(f"{DATABASE}.usage")]
    return view.removeprefix(f"{DATABASE}.")

"""The store keeps events for the retention of the catalog, and none is counted anew after it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from codegen.load import load
from codegen.model import milliseconds
from codegen.render import render
from infra.sink._generated.fields import (
    ACCEPTED,
    ARRIVALS,
    DATABASE,
    IDENTITIES,
    INGESTED,
    RECEIPTS,
    RETENTION_SECONDS,
    ROLLUP,
    TABLE,
    TIME,
    TIME_ZONE,
)
from infra.sink.closing import changes
from infra.sink.closing.checks import missing
from infra.sink.closing.make import Terms, make
from infra.sink.errors import SinkError
from infra.sink.migrate import migrate
from infra.sink.scripts import FOLDER
from infra.sink.usage.query import next_month
from tests.sink.events import insert

_ROOT = Path(__file__).resolve().parents[2]
_EVENT = {"workspace_id": "w", "product": "api", "metric_type": "api_call"}
_RETENTION = timedelta(seconds=RETENTION_SECONDS or 0)


def test_the_retention_is_that_of_the_catalog(store: Client) -> None:
    model = load(_ROOT / "schema").model
    assert model is not None
    retention = model.catalog.store.retention
    assert retention is not None
    days = milliseconds(retention) // 86_400_000
    assert days == _RETENTION.days
    assert _days(store, TABLE) == _days(store, RECEIPTS) == days
    assert _days(store, IDENTITIES) == 2 * days


def test_a_month_is_dropped_as_a_whole_and_what_was_billed_for_it_stays(store: Client) -> None:
    now = datetime.now(UTC)
    last_dropped = (now - _RETENTION).replace(day=1) - timedelta(days=1)
    first_kept = now - _RETENTION
    times = {
        "1957": datetime(1957, 1, 1, tzinfo=UTC),
        "dropped": last_dropped,
        "kept": first_kept,
        "now": now,
        "2200": datetime(2200, 1, 1, tzinfo=UTC),
    }
    store.command(f"SYSTEM STOP TTL MERGES {DATABASE}.{TABLE}")
    for name, time in times.items():
        arrival = min(max(time, last_dropped), now)
        row = {"event_id": name, "occurred_at": time, "ts": time, INGESTED: arrival}
        insert(store, [{**_EVENT, **row}])
    behind = {"event_id": "a clock behind", "occurred_at": now, "ts": times["1957"]}
    insert(store, [{**_EVENT, **behind, INGESTED: now}])
    closed = date(last_dropped.year, last_dropped.month, 1)
    terms = Terms(TIME_ZONE, "")
    said = missing(store, closed, ("w",), None)
    assert any("has begun to drop those of" in each for each in said), said
    following = next_month(date(first_kept.year, first_kept.month, 1))
    said = missing(store, following, ("w",), None)
    assert not any("has begun to drop" in each for each in said), said
    [close] = make(store, closed, ["w"], terms)
    store.command(f"SYSTEM START TTL MERGES {DATABASE}.{TABLE}")
    for table in (TABLE, RECEIPTS, IDENTITIES):
        store.command(f"OPTIMIZE TABLE {DATABASE}.{table} FINAL")
    kept = store.query(f"SELECT event_id FROM {DATABASE}.{TABLE} ORDER BY event_id").result_rows
    assert [name for [name] in kept] == ["2200", "a clock behind", "kept", "now"]
    [[receipts]] = store.query(f"SELECT count() FROM {DATABASE}.{RECEIPTS}").result_rows
    assert receipts == 4
    # The identities are kept for the same time again, but not that of 1957.
    [[identities]] = store.query(f"SELECT count() FROM {DATABASE}.{IDENTITIES}").result_rows
    assert identities == 5
    assert close.lines == 1
    text = changes.changed_events(changes.closed_part(("w",)))
    assert store.query(text, {"month": next_month(closed), "scope": ["w"]}).result_rows == []
    text = changes.changed_lines(changes.closed_month(("w",)))
    assert store.query(text, {"month": closed, "scope": ["w"]}).result_rows == []


def test_a_retention_that_would_drop_events_is_only_applied_on_purpose(store: Client) -> None:
    old = datetime.now(UTC) - _RETENTION - timedelta(days=40)
    store.command(f"SYSTEM STOP TTL MERGES {DATABASE}.{TABLE}")
    insert(store, [{**_EVENT, "event_id": "1", "occurred_at": old}])
    columns = ["name", "checksum"]
    former = ["current/retention.sql", "of another retention"]
    store.insert("schema_migrations", [former], columns, database=DATABASE)
    with pytest.raises(SinkError, match=rf"has 1 events from {old:%Y-%m} to .* --expire"):
        migrate(store)
    assert [script.name for script in migrate(store, expire=True)] == [former[0]]
    assert migrate(store) == []


def test_a_catalog_without_a_retention_drops_nothing_any_more(
    store: Client, tmp_path: Path
) -> None:
    names = {"database": DATABASE, "events": TABLE, "receipts": RECEIPTS, "identities": IDENTITIES}
    names |= {"arrivals": ARRIVALS, "rollup": ROLLUP, "time": TIME, "accepted": ACCEPTED}
    names |= {"ingested": INGESTED}
    text = render("infra/clickhouse/retention.sql.j2", t=names, days=None)
    folder = tmp_path / "clickhouse"
    shutil.copytree(FOLDER, folder)
    (folder / "current/retention.sql").write_text(text, "utf-8")
    for _ in range(2):
        assert [script.name for script in migrate(store, folder)] == ["current/retention.sql"]
        tables = (TABLE, RECEIPTS, IDENTITIES, ARRIVALS, ROLLUP)
        assert {_days(store, table) for table in tables} == {None}
        (folder / "current/retention.sql").write_text(f"{text}-- again\n", "utf-8")


def _days(store: Client, table: str) -> int | None:
    """Returns how long a table keeps its rows."""
    [[engine]] = store.query(
        "SELECT engine_full FROM system.tables WHERE database = {database:String}"
        " AND name = {name:String}",
        {"database": DATABASE, "name": table},
    ).result_rows
    assert ("TTL" in engine) == ("toIntervalDay" in engine)
    found = re.search(r"toIntervalDay\((\d+)\)", engine)
    return found and int(found[1])

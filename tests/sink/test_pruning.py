"""The usage of a month reads the events of that month, and equals what all months together say."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, IDENTITIES, TABLE
from infra.sink.usage import sql
from infra.sink.usage.query import Period, Query, next_month
from tests.sink.events import NOON, insert
from tests.sink.expected_usage import Identity, expected_usage
from tests.sink.test_histories import History

HISTORIES = int(os.environ.get("USAGE_HISTORIES", "200"))
_CALL = {"workspace_id": "w", "product": "api", "metric_type": "api_call"}
_MINUTE = timedelta(minutes=1)
_MONTHS = 12


def test_a_month_reads_the_events_of_no_other_month(store: Client) -> None:
    begin = datetime(2025, 1, 15, tzinfo=UTC)
    months = [begin + timedelta(days=30 * number) for number in range(_MONTHS)]
    for month in months:
        insert(store, ({**_CALL, "event_id": f"{month} {n}", "occurred_at": month} for n in (1, 2)))
    # A void of an old event is found, although the month of the void is not asked for.
    void = {"status": "void", "is_billable": 0, "voids": f"{months[3]} 1"}
    insert(store, [{**_CALL, **void, "event_id": "v", "quantity": 0, "occurred_at": months[9]}])
    april = Period(date(2025, 4, 1), date(2025, 5, 1))
    asked = Query(workspaces=None, period=april, window=None)
    statement = sql.lines(asked, datetime.now(UTC))
    [line] = store.query(statement.text, statement.parameters).result_rows
    assert line[statement.columns.index("events")] == 1
    plan = store.query(f"EXPLAIN ESTIMATE {statement.text}", statement.parameters).result_rows
    [rows] = [rows for _, table, _, rows, _ in plan if table == TABLE]
    # Those of the month, and those of the month of the void, which is looked up.
    assert rows <= 10 < 2 * _MONTHS


def test_a_copy_in_another_month_counts_in_none_but_the_first_to_arrive(store: Client) -> None:
    april, may = NOON + timedelta(days=30), NOON + timedelta(days=60)
    for number, occurred_at in enumerate((april, NOON, may, april)):
        copy = {"occurred_at": occurred_at, "quantity": number + 1}
        insert(store, [{**_CALL, **copy, "event_id": "1", "ingested_at": NOON + number * _MINUTE}])
    # After a restore, what arrived first may be stored last.
    for number, occurred_at in enumerate((may, april)):
        copy = {"occurred_at": occurred_at, "ingested_at": NOON - number * _MINUTE}
        insert(store, [{**_CALL, **copy, "event_id": "2"}])
    # And of two in one insert the first counts.
    insert(store, ({**_CALL, "event_id": "3", "occurred_at": at} for at in (NOON, april)))
    counted = {(e, at.month) for e, at in [("1", april), ("2", april), ("3", NOON)]}
    for _ in ("before merges", "after"):
        found = set()
        for month in (3, 4, 5):
            rows = in_month(store, date(2026, month, 1))
            found |= {(row[3], month) for row in rows}
        assert found == counted
        store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
        store.command(f"OPTIMIZE TABLE {DATABASE}.{IDENTITIES} FINAL")


def test_months_add_up_to_all_usage_over_random_histories(store: Client) -> None:
    seed = os.environ.get("USAGE_SEED") or str(random.randrange(2**32))
    print(f"USAGE_SEED={seed}")
    chance = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    arrived: list[list[dict[str, Any]]] = [[] for _ in range(3)]
    for number in range(HISTORIES):
        for event in History(f"w{number}", chance, now).events():
            chance.choice(arrived).append(event)
    for number, events in enumerate(arrived):
        insert(store, ({**e, "ingested_at": NOON + number * _MINUTE} for e in events))
    months = {e["occurred_at"].date().replace(day=1) for events in arrived for e in events}
    rows = [row for month in sorted(months) for row in in_month(store, month)]
    found: dict[Identity, Any] = {row[:4]: row[4:] for row in rows}
    assert len(found) == len(rows)
    assert found == expected_usage((e for events in arrived for e in events), now)


def in_month(store: Client, month: date) -> list[Any]:
    """Returns the rows of usage that occurred in a month (UTC)."""
    rows = store.query(
        "SELECT workspace_id, product, metric_type, event_id,"
        f" quantity, is_billable, cost, session_state FROM {DATABASE}.usage"
        " WHERE occurred_at >= {month:Date} AND occurred_at < {next:Date}",
        {"month": month, "next": next_month(month)},
    ).result_rows
    return [tuple(row) for row in rows]

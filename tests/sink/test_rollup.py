"""The roll-ups answer as the events do, whatever arrives in which order, and whoever dies when.

USAGE_HISTORIES=2000 makes it judge that many, and USAGE_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ARRIVALS,
    DATABASE,
    ERASURES,
    ROLLUP,
    ROLLUP_STATE,
    TABLE,
    USAGE_DETAIL,
)
from infra.sink.errors import SinkError
from infra.sink.rollup import sql
from infra.sink.rollup.read import read
from infra.sink.rollup.refresh import Refresh
from infra.sink.store import open_store
from infra.sink.usage.query import Dimension, Filter, Period, Query
from infra.sink.usage.sql import fetch, lines
from infra.sink.zones import workspaces
from tests.sink.clickhouse_server import ClickHouseServer, Failure
from tests.sink.events import NOON, insert
from tests.sink.stores import make_store
from tests.sink.test_histories import History
from tests.waiting import eventually

HISTORIES = int(os.environ.get("USAGE_HISTORIES", "30"))
_EVER = Period(date(2020, 1, 1), date(2035, 1, 1))
# Which view it reads depends on the events.
_COMPUTE = sql.compute(sessions=True).partition(")")[0]
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_ZONES = ("America/New_York", "Pacific/Kiritimati", "UTC")
_MEASURED = {"product": "ekascribe", "metric_type": "transcription_minute", "quantity": Decimal(0)}


def query(**rest: Any) -> Query:
    return Query(**{"workspaces": None, "period": _EVER, "window": "month", **rest})


def rolled_up(client: Client, **rest: Any) -> list[dict[str, Any]]:
    """Returns the lines from the roll-ups, which must answer."""
    found = read(client, query(**rest), datetime.now(UTC))
    assert found is not None
    statement, rows = found
    return [dict(zip(statement.columns, row, strict=True)) for row in rows]


def assert_equal(client: Client, **rest: Any) -> list[dict[str, Any]]:
    """Asserts that the roll-ups answer, and as the events do; returns the lines."""
    rows = rolled_up(client, **rest)
    assert rows
    statement = lines(query(**rest), datetime.now(UTC))
    assert [tuple(row.values()) for row in rows] == [tuple(row) for row in fetch(client, statement)]
    return rows


def is_answered(client: Client, **rest: Any) -> bool:
    return read(client, query(**rest), datetime.now(UTC)) is not None


def used(**fields: Any) -> dict[str, Any]:
    arrives = {"ingested_at": datetime.now(UTC)}
    return {"workspace_id": "w", "product": "api", "metric_type": "api_call", **arrives, **fields}


def taking_back(event: str, **fields: Any) -> dict[str, Any]:
    void = {"status": "void", "voids": event, "is_billable": 0, "quantity": Decimal(0)}
    return used(**void, **fields)


def test_rollups_equal_usage_over_random_histories(
    store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.sink.rollup.read._MOST_PENDING", 100 * HISTORIES)
    seed = os.environ.get("USAGE_SEED") or str(random.randrange(2**32))
    print(f"USAGE_SEED={seed}")
    chance = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    first: list[dict[str, Any]] = []
    then: list[dict[str, Any]] = []
    for number in range(HISTORIES):
        for event in History(f"w{number}", chance, now).events():
            chance.choice((first, then)).append({**event, "ingested_at": now})
    insert(store, first)
    days = Refresh(store, step_days=400).run().days
    # As after a restore, what was stored first is not always the first to arrive.
    later = now + timedelta(milliseconds=1)
    insert(store, ({**event, "ingested_at": chance.choice((later, NOON))} for event in then))
    assert_equal(store)
    for number in range(5):
        workspace = f"w{chance.randrange(HISTORIES)}"
        workspaces.change(store, workspace, chance.choice(_ZONES), date(2026, 1 + number, 1))
    days += Refresh(store).run().days
    assert_equal(store, window="day")
    rows, held = (
        store.query(f"SELECT count() FROM {DATABASE}.{table} FINAL").result_rows[0][0]
        for table in (TABLE, ROLLUP)
    )
    print(f"{rows} rows of events : {held} days held; {days} computed")


def test_only_what_an_event_touches_is_computed_again(store: Client) -> None:
    # Versions rise, although the clock was set back.
    ahead = 2 * 10**18
    store.command(f"INSERT INTO {DATABASE}.{ROLLUP_STATE} VALUES ('version', '', '', {ahead})")
    days = [NOON + n * _DAY for n in range(5)]
    events = (used(event_id=f"{w}{d}", workspace_id=w, occurred_at=d) for w in "ab" for d in days)
    insert(store, events)
    assert Refresh(store).run().days == 10
    assert Refresh(store).run().days == 0
    before = versions(store)
    insert(store, [used(event_id="late", workspace_id="a", occurred_at=days[1])])
    assert Refresh(store).run().days == 1
    [changed] = versions(store) - before
    assert changed[:4] == ("a", "api", "api_call", days[1].date())
    before = versions(store)
    void = taking_back(f"b{days[3]}", workspace_id="b", event_id="v", occurred_at=days[4])
    insert(store, [void])
    found = [
        [(row["workspace_id"], row["events"]) for row in rolled_up(store, window="day")]
        for _ in ("pending", Refresh(store).run())
    ]
    assert {each[3] for each in versions(store) - before} == {days[3].date(), days[4].date()}
    assert found == [[("a", 1), ("a", 2), *[("a", 1)] * 3, *[("b", 1)] * 4]] * 2


def test_a_session_counts_once_it_times_out_and_when_it_ends_after_all(store: Client) -> None:
    # The timeout is 30 minutes, so that it passes during the test.
    begun = datetime.now(UTC) - timedelta(minutes=30) + timedelta(seconds=3)
    start = used(**_MEASURED, session_id="s", boundary="start", event_id="1", occurred_at=begun)
    insert(store, [start])
    Refresh(store).run()

    def minutes() -> Any:
        return sum(row["quantity"] for row in rolled_up(store))

    eventually(lambda: datetime.now(UTC) - begun > timedelta(minutes=30))
    eventually(lambda: minutes() == 30)
    Refresh(store).run()
    assert Refresh(store).run().days == 0  # nothing is open any more
    insert(store, [{**start, "boundary": "end", "occurred_at": begun + _DAY, "event_id": "2"}])
    assert minutes() == 1440
    Refresh(store).run()
    assert minutes() == 1440


_RELEASE = (
    f"INSERT INTO {DATABASE}.catalog_releases (product, metric_type, _order, release, title,"
    " unit, unit_title, aggregation, unique_of, series, total_seconds) VALUES"
)


def test_a_release_of_the_catalog_or_another_zone_changes_days(store: Client) -> None:
    midnight = datetime(2026, 11, 10, 0, 1, tzinfo=UTC)
    new = {"metric_type": "new", "occurred_at": midnight}
    insert(store, [used(event_id=n, quantity=Decimal(n), **new) for n in "123"])
    insert(store, [used(event_id="1", occurred_at=midnight)])
    insert(store, [used(event_id="1", workspace_id="other", occurred_at=midnight)])
    Refresh(store).run()
    store.command(f"{_RELEASE} ('api', 'new', 3, '0.0.3', 'New', 'u', 'us', 'max', '', '', 0)")
    assert not is_answered(store)
    assert Refresh(store).run().days == 1
    workspaces.change(store, "w", "America/New_York", date(2026, 11, 1))
    assert not is_answered(store)
    assert Refresh(store).run().days == 2
    found = [(row["day"].day, row["quantity"]) for row in rolled_up(store, window="day")]
    assert found == [(10, 1), (9, 1), (9, 3)]


def test_an_erased_workspace_has_no_lines(store: Client) -> None:
    days = (NOON, NOON + _DAY)
    events = (used(event_id=f"{w}{d}", workspace_id=w, occurred_at=d) for w in "ab" for d in days)
    insert(store, events)
    Refresh(store).run()
    store.command(
        f"INSERT INTO {DATABASE}.{ERASURES} (erasure_id, _account, erased_before)"
        f" SELECT '1', sipHash64('a'), toDateTime64('{NOON + _MINUTE:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"
    )
    assert not is_answered(store)
    assert Refresh(store).run().days == 2
    found = [(row["workspace_id"], row["day"].day) for row in rolled_up(store, window="day")]
    assert found == [("a", 11), ("b", 10), ("b", 11)]


def test_what_days_do_not_add_up_to_is_read_from_the_events(store: Client) -> None:
    store.command(
        f"{_RELEASE}"
        " ('api', 'users', 3, '0.0.3', 'U', 'u', 'us', 'unique', 'vendor', '', 0),"
        " ('api', 'seats', 3, '0.0.3', 'S', 's', 'ss', 'time_weighted', '', 'vendor', 3600),"
        " ('api', 'mean', 3, '0.0.3', 'M', 'm', 'ms', 'avg', '', '', 0),"
        " ('api', 'low', 3, '0.0.3', 'L', 'l', 'ls', 'min', '', '', 0)"
    )
    names = ("users", "seats", "mean", "low", "api_call")
    for number in range(3):
        fields = {"vendor": "v", "cost": Decimal("0.1"), "occurred_at": NOON + number * _DAY}
        quantities = [Decimal(number + 2 * place % 3) for place in range(len(names))]
        insert(
            store,
            (
                used(event_id=f"{number}", metric_type=name, quantity=quantity, **fields)
                for name, quantity in zip(names, quantities, strict=True)
            ),
        )
        if number == 1:
            Refresh(store).run()  # so that the last day is pending
    period = Period(NOON.date(), date(2026, 5, 1))
    rows = assert_equal(store, period=period)
    aggregations = {row["aggregation"] for row in rows}
    assert aggregations == {"avg", "min", "sum", "time_weighted", "unique"}
    assert rolled_up(store, period=period, limit=3, offset=1) == rows[1:5]


def test_a_restored_backup_is_computed_anew(store: Client) -> None:
    insert(store, [used(event_id="1"), used(event_id="2", occurred_at=NOON + _DAY)])
    Refresh(store).run()
    # As RESTORE does, which makes tables of other ids and tells nobody what arrives.
    events, restored = f"{DATABASE}.{TABLE}", f"{DATABASE}.restored"
    store.command(f"CREATE TABLE {restored} AS {events}")
    store.command(f"INSERT INTO {restored} SELECT * FROM {events} WHERE event_id = '2'")
    store.command(f"EXCHANGE TABLES {restored} AND {events}")
    assert not is_answered(store)
    assert Refresh(store).run().days == 2
    assert [row["events"] for row in rolled_up(store)] == [1]
    for table in (ROLLUP, ARRIVALS):
        store.command(f"TRUNCATE TABLE {DATABASE}.{table}")
    assert Refresh(store).run().days == 0
    assert Refresh(store).run(every=True).days == 1
    assert [row["events"] for row in rolled_up(store)] == [1]


def test_restored_rows_of_several_months_are_computed_once(store: Client) -> None:
    months = [NOON - n * 31 * _DAY for n in range(3)]
    insert(store, [used(event_id=f"{d}", occurred_at=d, ingested_at=NOON) for d in months])
    assert Refresh(store).run().days == 3
    assert [row["events"] for row in rolled_up(store)] == [1] * 3


def test_views_that_are_created_again_change_no_days_unless_they_are_others(store: Client) -> None:
    insert(store, [used(event_id="1")])
    Refresh(store).run()
    [[view]] = store.query(
        "SELECT create_table_query FROM system.tables"
        f" WHERE database = '{DATABASE}' AND name = '{USAGE_DETAIL}'"
    ).result_rows
    view = view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    for text, days in ((view, 0), (f"{view} COMMENT 'other'", 1)):
        store.command(text)
        assert not is_answered(store)
        assert Refresh(store).run().days == days
        assert is_answered(store)


def test_what_roll_ups_do_not_tell_apart_is_read_from_the_events(store: Client) -> None:
    assert not is_answered(store)  # never refreshed
    Refresh(store).run()
    assert is_answered(store)
    others: list[dict[str, Any]] = [
        {"group_by": (Dimension("model"),)},
        {"where": Filter.parse(["model=m"])},
        {"period": Period(NOON, NOON + _DAY)},
        {"window": "hour"},
        {"as_of": datetime.now(UTC) - _DAY},
    ]
    for rest in others:
        assert not is_answered(store, **rest)
    told_apart = Filter.parse(["event_type=api.api_call", "product=api"])
    assert is_answered(store, workspaces=("w",), billable=True, where=told_apart)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    """A server with all migrations applied."""
    make_store(tmp_path / "server")
    with ClickHouseServer(tmp_path / "server") as running:
        yield running


def once_before(server: ClickHouseServer, statement: str, act: Callable[[], None]) -> None:
    """Acts when the server is about to run a statement for the first time from now on."""

    def before(asked: str) -> None:
        if statement in asked:
            server.before = lambda _: None
            act()

    server.before = before


def test_a_refresh_that_is_killed_between_any_two_statements_is_made_up_for(
    server: ClickHouseServer,
) -> None:
    def fail() -> None:
        raise Failure(999, "STOPPED")

    with open_store(server.dsn) as client:
        insert(client, [used(event_id="a"), used(event_id="b")])
        Refresh(client).run()
        insert(client, [taking_back("a", event_id="v", occurred_at=NOON + _DAY)])
        for statement in (*sql.RELATED, sql.OWN, sql.COVER, _COMPUTE):
            once_before(server, statement, fail)
            with pytest.raises(SinkError, match="STOPPED"):
                Refresh(client).run()
        command = [sys.executable, "-m", "infra.sink", "rollup", "--dsn", server.dsn]
        with subprocess.Popen(command) as process:
            once_before(server, sql.COVER, process.kill)
            assert process.wait(60) == -signal.SIGKILL
        found = [[row["events"] for row in rolled_up(client)] for _ in (0, Refresh(client).run())]
        assert found == [[1], [1]]


@pytest.mark.parametrize("held", [sql.NEXT_VERSION, _COMPUTE])
def test_of_two_refreshes_at_once_neither_loses_what_the_other_covers(
    server: ClickHouseServer, held: str
) -> None:
    with open_store(server.dsn) as client, open_store(server.dsn) as other:
        Refresh(client).run()
        insert(client, [used(event_id="1")])

        def interleave() -> None:
            insert(other, [used(event_id="2"), used(event_id="3")])
            insert(other, [taking_back("1", event_id="v", occurred_at=NOON + _DAY)])
            Refresh(other).run()

        once_before(server, held, interleave)
        Refresh(client).run()
        assert [row["events"] for row in rolled_up(client)] == [2]


def test_a_release_while_days_are_computed_leaves_them_pending(server: ClickHouseServer) -> None:
    with open_store(server.dsn) as client, open_store(server.dsn) as other:
        insert(client, [used(event_id=n, metric_type="new", quantity=Decimal(n)) for n in "12"])

        def release() -> None:
            other.command(
                f"{_RELEASE} ('api', 'new', 3, '0.0.3', 'N', 'u', 'us', 'max', '', '', 0)"
            )

        # The store has computed the days when it is asked what has changed.
        once_before(server, _COMPUTE, lambda: once_before(server, sql.CHANGED, release))
        assert Refresh(client).run().days == 2
        assert [row["quantity"] for row in rolled_up(client)] == [2]


def test_no_arrival_is_seen_before_the_rows_that_arrived(server: ClickHouseServer) -> None:
    insert_blocks = {"max_block_size": 500, "min_insert_block_size_rows": 500}
    with open_store(server.dsn) as client, open_store(server.dsn) as other:
        insert(client, [used(event_id="0")])

        def grow() -> None:
            for number in range(10):
                threads = {"max_insert_threads": 1 + number % 3}
                other.command(
                    f"INSERT INTO {DATABASE}.{TABLE} SELECT _event.* REPLACE"
                    f" (concat('{number}-', toString(_n.number)) AS event_id)"
                    f" FROM {DATABASE}.{TABLE} AS _event CROSS JOIN numbers(4000) AS _n"
                    " WHERE _event.event_id = '0'",
                    settings={**insert_blocks, **threads},
                )

        growing = threading.Thread(target=grow)
        growing.start()
        while growing.is_alive():
            assert arrived(client) <= stored(client)
        assert arrived(client) == stored(client) == 40_001


def arrived(client: Client) -> int:
    query = f"SELECT sum(arrivals) FROM {DATABASE}.{ARRIVALS}"
    return int(client.query(query).result_rows[0][0])


def stored(client: Client) -> int:
    return int(client.query(f"SELECT count() FROM {DATABASE}.{TABLE}").result_rows[0][0])


def versions(client: Client) -> set[tuple[Any, ...]]:
    rows = client.query(f"SELECT {sql.DAY}, version FROM {DATABASE}.{ROLLUP} FINAL").result_rows
    return {tuple(row) for row in rows}

"""The views count every event once, and `usage` prints them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, TABLE, TIME_ZONE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.sink.events import NOON, insert

CALL = {"product": "api", "metric_type": "api_call", "workspace_id": "w"}


def rows(store: Client, query: str) -> Sequence[Sequence[Any]]:
    return store.query(query.replace("FROM ", f"FROM {DATABASE}.", 1)).result_rows


def events(*differences: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**CALL, "event_id": str(number), "seq": number, **difference}
        for number, difference in enumerate(differences, 1)
    ]


def aggregate(store: Client, how: str) -> None:
    """Sets the aggregation of every metric type in the catalog."""
    store.command(
        f"ALTER TABLE {DATABASE}.catalog_releases UPDATE aggregation = '{how}' WHERE 1"
        " SETTINGS mutations_sync = 1"
    )


def test_a_batch_inserted_twice_counts_once(store: Client) -> None:
    batch = events({}, {"quantity": Decimal("2.5")})
    insert(store, batch)
    insert(store, batch)
    assert rows(store, "SELECT count(), sum(quantity) FROM usage") == [(2, Decimal("3.5"))]
    assert rows(store, "SELECT events, quantity FROM usage_by_month") == [(2, Decimal("3.5"))]


@pytest.mark.parametrize(
    "later",
    [
        {"occurred_at": NOON + timedelta(hours=3)},
        {"occurred_at": NOON + timedelta(days=1)},
        {"occurred_at": NOON + timedelta(days=40)},
        {"occurred_at": NOON - timedelta(days=400)},
    ],
)
def test_two_calls_with_one_id_count_once_whatever_their_time(
    later: dict[str, Any], store: Client
) -> None:
    insert(store, events({"event_id": "order-7"}, {"event_id": "order-7", **later}))
    assert rows(store, "SELECT sum(events), sum(quantity) FROM usage_by_month") == [(1, 1)]


@pytest.mark.parametrize("other", [{}, {"occurred_at": NOON - timedelta(days=40)}])
def test_the_first_call_with_an_id_to_arrive_counts_so_that_a_billed_month_does_not_change(
    other: dict[str, Any], store: Client
) -> None:
    late = {"quantity": Decimal(9), "ingested_at": NOON + timedelta(days=9), **other}
    insert(store, events({"event_id": "order-7", "ingested_at": NOON}))
    insert(store, events({"event_id": "order-7", **late}))
    assert rows(store, "SELECT occurred_at, quantity FROM usage") == [(NOON, 1)]
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert rows(store, "SELECT occurred_at, quantity FROM usage") == [(NOON, 1)]


def test_the_first_of_two_calls_with_one_id_in_one_insert_counts(store: Client) -> None:
    later = {"occurred_at": NOON + timedelta(days=40), "quantity": Decimal(9)}
    together = {"event_id": "order-7", "ingested_at": NOON}
    insert(store, events(together, {**together, **later}))
    assert rows(store, "SELECT occurred_at, quantity FROM usage") == [(NOON, 1)]


@pytest.mark.parametrize(
    "other", [{"workspace_id": "other"}, {"metric_type": "api_error"}, {"product": "agent"}]
)
def test_an_id_is_unique_per_account_product_and_metric_type(
    other: dict[str, Any], store: Client
) -> None:
    insert(store, events({"event_id": "7"}, {"event_id": "7", **other}))
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert rows(store, "SELECT count() FROM usage") == [(2,)]


def test_a_filter_on_the_time_does_not_make_a_later_call_count(store: Client) -> None:
    later = {"occurred_at": NOON + timedelta(days=1)}
    insert(store, events({"event_id": "7"}, {"event_id": "7", **later}))
    assert rows(store, "SELECT count() FROM usage WHERE toDate(occurred_at) = '2026-03-11'") == [
        (0,)
    ]


def test_a_query_for_one_account_reads_no_other_account(store: Client) -> None:
    insert(store, ({**CALL, "event_id": str(n), "workspace_id": f"w{n}"} for n in range(30_000)))
    plan = store.command(
        f"EXPLAIN indexes = 1 SELECT * FROM {DATABASE}.usage_by_month"
        " WHERE workspace_id = 'w7' AND month = '2026-03-01'"
    )
    assert "Granules: 1/4" in str(plan)


def test_days_and_months_are_in_the_time_zone_of_the_catalog(store: Client) -> None:
    last = NOON.replace(day=31, hour=18, minute=29, second=59, microsecond=999000)
    insert(store, events({"occurred_at": last}, {"occurred_at": last + timedelta(milliseconds=1)}))
    by_day = rows(store, "SELECT toString(day) FROM usage_by_day ORDER BY day")
    by_month = rows(store, "SELECT toString(month) FROM usage_by_month ORDER BY month")
    assert by_day == [("2026-03-31",), ("2026-04-01",)]
    assert by_month == [("2026-03-01",), ("2026-04-01",)]


def test_billable_and_non_billable_usage_are_separate_rows(store: Client) -> None:
    insert(store, events({}, {"is_billable": 0, "quantity": Decimal(5)}))
    query = "SELECT is_billable, quantity FROM usage_by_month ORDER BY 1"
    assert rows(store, query) == [(0, 5), (1, 1)]


@pytest.mark.parametrize(
    ("how", "quantity", "cost"),
    [("sum", 10, "2"), ("count", 3, "1.5"), ("max", 7, "0"), ("last", 2, "1")],
)
def test_quantities_and_costs_are_aggregated_as_the_catalog_defines(
    how: str, quantity: int, cost: str, store: Client
) -> None:
    aggregate(store, how)
    later = {"occurred_at": NOON + timedelta(minutes=1)}
    insert(
        store,
        events(
            {**later, "quantity": Decimal(2), "unit_cost": Decimal("0.5")},
            {"quantity": Decimal(1), "unit_cost": Decimal(1)},
            {"quantity": Decimal(7), "unit_cost": Decimal(0)},
        ),
    )
    query = "SELECT aggregation, quantity, cost FROM usage_by_month"
    assert rows(store, query) == [(how, quantity, Decimal(cost))]


def test_a_month_is_aggregated_as_the_release_says_that_its_events_name(store: Client) -> None:
    columns = "product, metric_type, _order, release, title, unit, unit_title, aggregation"
    store.command(f"TRUNCATE TABLE {DATABASE}.catalog_releases")
    for release, how, title in (("0.2.0", "sum", "Old"), ("0.10.0", "max", "New")):
        order = int(release.split(".")[1]) * 1_000_000
        store.command(
            f"INSERT INTO {DATABASE}.catalog_releases ({columns}) VALUES"
            f" ('api', 'api_call', {order}, '{release}', '{title}', 'call', 'calls', '{how}'),"
            f" ('api', 'only_{how}', {order}, '{release}', '{title}', 'call', 'calls', '{how}')"
        )
    three: dict[str, Any] = {"quantity": Decimal(3)}
    five: dict[str, Any] = {"quantity": Decimal(5)}
    only: dict[str, Any] = {"metric_type": "only_max", "quantity": Decimal(1)}
    for version in ("0.1.0+a", "0.2.0+b", "0.9.1+c", "0.10.0+d", "1.0.0+e"):
        workspace = {"catalog_version": version, "workspace_id": version}
        named = ({**event, "event_id": str(n)} for n, event in enumerate((three, five, only)))
        insert(store, ({**CALL, **event, **workspace} for event in named))
    query = "SELECT workspace_id, metric_type, quantity FROM usage_by_month ORDER BY 2, 1"
    found = [(version[:5], how[:4], quantity) for version, how, quantity in rows(store, query)]
    assert [row for row in found if row[1] == "api_"] == [
        ("0.1.0", "api_", 8),
        ("0.10.", "api_", 5),
        ("0.2.0", "api_", 8),
        ("0.9.1", "api_", 8),
        ("1.0.0", "api_", 5),
    ]
    assert [quantity for _, how, quantity in found if how == "only"] == [1] * 5


def test_a_metric_type_that_left_the_catalog_keeps_its_title_and_unit(store: Client) -> None:
    insert(store, events({}))
    store.command(f"TRUNCATE TABLE {DATABASE}.catalog_metrics")
    query = "SELECT title, unit, aggregation, quantity FROM usage_by_month"
    assert rows(store, query) == [("API calls", "call", "sum", 1)]


def test_an_undeclared_metric_type_is_shown_as_such_and_not_summed(store: Client) -> None:
    undeclared = {"metric_type": "of_tomorrow", "quantity": Decimal(4), "cost": Decimal(2)}
    insert(store, events(undeclared, {"cost": None}))
    query = "SELECT metric_type, events, aggregation, quantity, cost FROM usage_by_month ORDER BY 1"
    assert rows(store, query) == [
        ("api_call", 1, "sum", 1, None),
        ("of_tomorrow", 1, "undeclared", None, None),
    ]


def test_days_and_months_of_far_centuries_do_not_wrap(store: Client) -> None:
    insert(store, events({"occurred_at": NOON.replace(year=2200)}))
    by_day = rows(store, "SELECT toString(day) FROM usage_by_day")
    by_month = rows(store, "SELECT toString(month) FROM usage_by_month")
    assert (by_day, by_month) == ([("2200-03-10",)], [("2200-03-01",)])


def test_the_largest_quantities_and_costs_are_exact(store: Client) -> None:
    quantity, cost = Decimal(10**18), Decimal("999999999999999999.999999999999")
    insert(store, events(*[{"quantity": quantity, "unit_cost": cost}] * 100))
    assert rows(store, "SELECT quantity, cost FROM usage_by_month") == [
        (Decimal(10**20), Decimal(99999999999999999999999999999900000000))
    ]


def test_the_cost_of_the_whole_event_is_charged_in_place_of_the_unit_cost(store: Client) -> None:
    insert(
        store,
        events(
            {"quantity": Decimal(3), "unit_cost": None, "cost": Decimal("0.01")},
            {"quantity": Decimal(2), "unit_cost": Decimal("0.1"), "cost": None},
            {"quantity": Decimal(5), "unit_cost": None, "cost": None},
        ),
    )
    query = "SELECT unpriced, cost FROM usage_by_month"
    assert rows(store, query) == [(1, Decimal("0.21"))]


def test_the_cost_is_null_without_unit_costs_and_unpriced_events_are_counted(store: Client) -> None:
    insert(store, events({}, {"metric_type": "api_error"}))
    insert(store, [{**CALL, "event_id": "3", "unit_cost": Decimal("0.000000000001")}])
    query = "SELECT metric_type, unpriced, cost FROM usage_by_month ORDER BY 1"
    assert rows(store, query) == [
        ("api_call", 1, Decimal("0.000000000001")),
        ("api_error", 1, None),
    ]


def test_a_query_for_one_account_reads_no_other_account_s_sessions(store: Client) -> None:
    insert(
        store,
        (
            {**CALL, "event_id": str(n), "workspace_id": f"w{n}", "boundary": "start"}
            for n in range(30_000)
        ),
    )
    plan = store.command(
        f"EXPLAIN indexes = 1 SELECT * FROM {DATABASE}.usage_by_month WHERE workspace_id = 'w7'"
    )
    assert str(plan).count("Granules: 1/4") == 2


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """The DSN of a closed store with the usage of a month."""
    address = f"chdb://{tmp_path}/usage"
    with open_store(address) as client:
        migrate(client)
        insert(
            client,
            events(
                {"quantity": Decimal("12345678901234567.000000000001")},
                {"unit_cost": Decimal("0.1"), "metric_type": "api_error"},
                {"unit_cost": Decimal("0.2"), "metric_type": "api_error", "is_billable": 0},
                {"occurred_at": NOON + timedelta(days=40)},
                {"workspace_id": "other"},
            ),
        )
    return address


def printed(dsn: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["usage", "--dsn", dsn, "--workspace", "w", "--month", "2026-03", *more]) == 0
    return capsys.readouterr().out


def test_the_invoice_is_the_same_in_every_format(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = list(csv.DictReader(io.StringIO(printed(dsn, capsys, "--format", "csv"))))
    document = json.loads(printed(dsn, capsys, "--format", "json"))
    table = printed(dsn, capsys)
    printed_lines = [(line["metric_type"], line["is_billable"], line["cost"]) for line in lines]
    assert printed_lines == [
        ("api_call", "1", ""),
        ("api_error", "1", "0.1"),
        ("api_error", "0", "0.2"),
    ]
    assert lines[0]["quantity"] == "12345678901234567.000000000001"
    assert document["cost"] == "0.1"
    assert [
        {name: "" if value is None else str(value) for name, value in line.items()}
        for line in document["lines"]
    ] == lines
    for line in lines:
        assert all(value in table for value in line.values())
    assert table.endswith(
        "cost of billable usage: 0.1 INR; 1 billable events have no unit cost\n"
        "complete up to 2026-03-10T12:00:00.000Z: the newest event that has arrived\n"
    )


@pytest.mark.parametrize(
    ("workspace", "message"),
    [
        ("w", "no usage for 'w' in 2025-01; the latest is in 2026-04\n"),
        ("v", "no usage for 'v' in any month: check the name\n"),
    ],
)
def test_a_month_without_usage_differs_from_a_workspace_without_usage(
    workspace: str, message: str, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["usage", "--dsn", dsn, "--workspace", workspace, "--month", "2025-01"]
    assert main(command) == 0
    assert capsys.readouterr().out == message


def test_a_csv_without_lines_has_its_header(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    full = printed(dsn, capsys, "--format", "csv")
    command = ["usage", "--dsn", dsn, "--workspace", "v", "--month", "2026-03", "--format", "csv"]
    assert main(command) == 0
    assert capsys.readouterr().out == full.splitlines(keepends=True)[0]


def test_the_error_for_a_store_without_tables_names_migrate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["usage", "--dsn", f"chdb://{tmp_path}", "--workspace", "w"]
    assert main([*command, "--month", "2026-03"]) == 1
    assert "run `usage-sink migrate`" in capsys.readouterr().err


def test_an_open_session_is_not_charged_and_the_invoice_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn, now = f"chdb://{tmp_path}/store", datetime.now(UTC)
    minute = {"product": "ekascribe", "metric_type": "transcription_minute"}
    start = {**minute, "boundary": "start", "session_id": "s", "cost": Decimal(7)}
    with open_store(dsn) as client:
        migrate(client)
        insert(client, events({**start, "occurred_at": now, "quantity": Decimal(0)}))
        query = "SELECT session_state, quantity, cost FROM usage"
        assert rows(client, query) == [("open", 0, 0)]
    month = f"{now.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m}"
    command = ["usage", "--dsn", dsn, "--workspace", "w", "--month", month]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "cost of billable usage: 0 INR\nnot charged yet: 1 open sessions\n" in printed


def test_an_invoice_says_what_goes_on_and_which_events_lack_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn, now = f"chdb://{tmp_path}/store", datetime.now(UTC)
    with open_store(dsn) as client:
        migrate(client)
        client.command(
            f"ALTER TABLE {DATABASE}.catalog_releases UPDATE aggregation = 'time_weighted',"
            " series = 'vendor', total_seconds = 60 WHERE 1 SETTINGS mutations_sync = 1"
        )
        level = {"occurred_at": now - timedelta(seconds=1), "unit_cost": Decimal(0)}
        insert(client, events({**level, "vendor": "v"}, {**level, "vendor": ""}))
    command = ["usage", "--dsn", dsn, "--workspace", "w", "--month", f"{now:%Y-%m}"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "\nnot counted: 1 events without the value that their metric type counts " in printed
    assert "\nnot over: levels over time count up to " in printed

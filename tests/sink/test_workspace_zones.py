"""The time zones of workspaces are set and shown, and kept where a month is closed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, TIME_ZONE
from infra.sink.closing import ledger
from infra.sink.errors import SinkError
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.zones import offsets, stored, workspaces
from tests.sink.events import insert
from tests.sink.stores import make_store

CALL = {"product": "api", "metric_type": "api_call"}
KOLKATA, NEW_YORK = "Asia/Kolkata", "America/New_York"
NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


def test_a_zone_that_the_store_lacks_is_no_other_zone(store: Client) -> None:
    insert(store, [{**CALL, "workspace_id": "w", "event_id": "1"}])
    store.command(f"TRUNCATE TABLE {DATABASE}.time_zones")
    with pytest.raises(Exception, match="run usage-sink migrate"):
        store.query(f"SELECT * FROM {DATABASE}.usage_by_month")
    migrate(store)
    assert store.query(f"SELECT events FROM {DATABASE}.usage_by_month").result_rows == [(1,)]


def test_a_zone_is_written_again_only_if_the_database_changed(
    store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"SELECT count(), max(written_at) FROM {DATABASE}.time_zones"
    written = store.query(query).result_rows
    migrate(store)
    assert store.query(query).result_rows == written
    ahead = offsets.offsets(TIME_ZONE)
    monkeypatch.setattr(stored, "offsets", lambda _: ahead[:-1])
    migrate(store)
    count = f"SELECT length(offsets) FROM {DATABASE}.time_zones FINAL"
    assert store.query(count).result_rows == [(len(ahead) - 1,)]


def closed(store: Client, month: date, *scope: str) -> None:
    entry = ledger.Entry(1, "a", month, scope, "0", KOLKATA, "INR", "", (), 0, 0, "")
    assert ledger.put(store, entry)


def test_a_closed_month_keeps_its_zone(store: Client) -> None:
    closed(store, date(2026, 10, 1), "w")
    for month in (date(2026, 9, 1), date(2026, 10, 1)):
        with pytest.raises(SinkError, match="2026-10 is closed for 'w'"):
            workspaces.change(store, "w", NEW_YORK, month)
    assert workspaces.periods(store) == []
    workspaces.change(store, "w", NEW_YORK, date(2026, 11, 1))
    workspaces.change(store, "other", NEW_YORK, date(2026, 9, 1))
    assert len(workspaces.periods(store)) == 2


def test_another_zone_in_the_catalog_moves_no_closed_month(
    store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.sink.migrate.TIME_ZONE", NEW_YORK)
    migrate(store)
    closed(store, date(2026, 10, 1))
    with pytest.raises(SinkError, match="months are closed in Asia/Kolkata, and the catalog's"):
        migrate(store)


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """The DSN of a closed store with an event on either side of a month's end in New York."""
    address = f"chdb://{tmp_path}/usage"
    make_store(tmp_path / "usage")
    with open_store(address) as client:
        insert(
            client,
            (
                {**CALL, "workspace_id": "w", "event_id": str(hour), "occurred_at": time}
                for hour in range(24)
                for time in [NOON + timedelta(hours=hour)]
            ),
        )
    return address


def run(capsys: pytest.CaptureFixture[str], *command: str, status: int = 0) -> str:
    assert main(command) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def test_a_zone_is_set_replaced_and_shown(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    change = ("workspace", "set", "--dsn", dsn, "--workspace", "w", "--from", "2026-11")
    assert run(capsys, *change, "--zone", "Europe/Paris") == (
        "w: Europe/Paris from 2026-11 on, which begins at 2026-10-31T18:30:00.000Z\n"
    )
    run(capsys, *change, "--zone", NEW_YORK)
    show = ("workspace", "show", "--dsn", dsn)
    table = run(capsys, *show)
    assert "w             2026-11      America/New_York  2026-10-31T18:30:00.000Z" in table
    assert "Paris" not in table
    assert "before, and of others: Asia/Kolkata, as the catalog says\ncurrency: INR\n" in table
    assert run(capsys, *show, "--workspace", "v").startswith("otherwise: Asia/Kolkata")
    assert json.loads(run(capsys, *show, "--workspace", "w", "--format", "json")) == {
        "default": {"time_zone": KOLKATA, "currency": "INR"},
        "workspaces": [
            {
                "workspace_id": "w",
                "first_month": "2026-11",
                "time_zone": NEW_YORK,
                "starts_at": "2026-10-31T18:30:00.000Z",
            }
        ],
        "renames": [],
    }


def test_an_invoice_names_its_zone_its_bounds_and_its_currency(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    of_month = ("usage", "--dsn", dsn, "--workspace", "w", "--month")
    assert "\nAsia/Kolkata: from 2026-10-31T18:30:00.000Z to 2026-11-30T18:30:00.000Z\n" in run(
        capsys, *of_month, "2026-11"
    )
    change = ("workspace", "set", "--dsn", dsn, "--workspace", "w", "--from", "2026-11")
    run(capsys, *change, "--zone", NEW_YORK)
    document: dict[str, Any] = json.loads(run(capsys, *of_month, "2026-11", "--format", "json"))
    assert document["currency"] == "INR"
    assert document["bounds"] == [
        {
            "time_zone": NEW_YORK,
            "from": "2026-10-31T18:30:00.000Z",
            "to": "2026-12-01T05:00:00.000Z",
        }
    ]
    october: dict[str, Any] = json.loads(run(capsys, *of_month, "2026-10", "--format", "json"))
    assert [each["lines"][0]["events"] for each in (october, document)] == [7, 17]


@pytest.mark.parametrize(
    ("zone", "month", "message"),
    [
        ("Europe/Pariss", "2026-11", "no time zone 'Europe/Pariss': did you mean Europe/Paris?"),
        ("+05:30", "2026-11", "no time zone '+05:30': use one such as Europe/Paris"),
        ("localtime", "2026-11", "no time zone 'localtime'"),
        (NEW_YORK, "2299-01", "--from 2299-01 is not a month that events can be in"),
    ],
)
def test_a_zone_or_a_month_that_does_not_exist_is_refused(
    zone: str, month: str, message: str, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("workspace", "set", "--dsn", dsn, "--workspace", "w", "--zone", zone)
    assert message in run(capsys, *command, "--from", month, status=2)


def test_a_zone_begins_with_a_month(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["workspace", "set", "--dsn", dsn, "--workspace", "w", "--zone", NEW_YORK]
    with pytest.raises(SystemExit):
        main([*command, "--from", "2026-11-05"])
    assert "must be a month such as 2026-03, got '2026-11-05'" in capsys.readouterr().err

"""Missing, duplicate and late events are found in a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.migrate import migrate
from infra.sink.reconcile import reconcile
from infra.sink.store import open_store
from tests.sink.events import NOON, insert

HOUR = timedelta(hours=1)


def sent(client: str, numbers: Iterable[int], **differences: Any) -> list[dict[str, Any]]:
    """Events of a client, one per minute from noon on, each stored a minute later."""
    return [
        {
            "instance_id": client,
            "event_id": f"{client}-{number}",
            "seq": number,
            "ts": NOON + timedelta(minutes=number),
            "occurred_at": NOON + timedelta(minutes=number),
            "ingested_at": NOON + timedelta(minutes=number + 1),
            **differences,
        }
        for number in numbers
    ]


def found(
    store: Client, since: datetime = NOON, until: datetime = NOON + 24 * HOUR, limit: int = 100
) -> dict[str, Any]:
    return reconcile(store, since, until, late=HOUR, limit=limit)


def gaps(result: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(gap["instance_id"], gap["first"], gap["last"]) for gap in result["gaps"]]


def test_nothing_is_missing_from_clients_whose_events_all_arrived(store: Client) -> None:
    insert(store, [*sent("a", range(1, 100)), *sent("b", [1])])
    result = found(store)
    assert result["totals"] == {
        "clients": 2,
        "accepted": 100,
        "missing": 0,
        "copies": 0,
        "late": 0,
        "erased": 0,
        "expired": 0,
        "conflict": 0,
        "skewed": 0,
        "session": 0,
    }
    assert (result["clients"], result["gaps"]) == ([], [])


def test_missing_ranges_are_listed_with_the_times_before_and_after(store: Client) -> None:
    insert(store, sent("a", [3, 4, 6, 10]))
    result = found(store)
    assert gaps(result) == [("a", 1, 2), ("a", 5, 5), ("a", 7, 9)]
    assert result["totals"]["missing"] == 6
    assert [gap["after"] for gap in result["gaps"]] == [
        None,
        NOON + timedelta(minutes=4),
        NOON + timedelta(minutes=6),
    ]
    assert result["gaps"][1]["before"] == NOON + timedelta(minutes=6)


def test_a_gap_names_the_services_beside_it(store: Client) -> None:
    insert(store, sent("a", [2, 3], service_name="one"))
    insert(store, sent("a", [5], service_name="two"))
    insert(store, sent("a", [9], service_name="two"))
    assert [gap["services"] for gap in found(store)["gaps"]] == ["one", "one, two", "two"]


def test_events_before_the_window_are_not_reported_as_missing(store: Client) -> None:
    insert(store, sent("a", range(1, 100)))
    result = found(store, since=NOON + timedelta(minutes=50))
    assert result["totals"]["accepted"] == 99
    assert result["totals"]["missing"] == 0


def test_a_gap_counts_in_every_window_in_which_it_may_lie(store: Client) -> None:
    insert(store, sent("a", [*range(1, 10), *range(30, 60)]))
    minute = timedelta(minutes=1)
    assert gaps(found(store, NOON, NOON + 9 * minute)) == []
    assert gaps(found(store, NOON, NOON + 10 * minute)) == [("a", 10, 29)]
    assert gaps(found(store, NOON + 30 * minute)) == [("a", 10, 29)]
    assert gaps(found(store, NOON + 31 * minute)) == []


def test_a_client_without_events_in_the_window_is_ignored(store: Client) -> None:
    insert(store, sent("a", [5]))
    assert found(store, NOON + HOUR)["totals"]["clients"] == 0


def test_copies_are_counted_even_after_a_merge_of_the_table(store: Client) -> None:
    insert(store, sent("a", range(1, 11)))
    insert(store, sent("a", range(1, 4)))
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    result = found(store)
    assert result["totals"]["copies"] == 3
    assert result["totals"]["missing"] == 0
    assert [client["copies"] for client in result["clients"]] == [3]


def test_two_events_with_one_id_are_both_received_although_one_counts(store: Client) -> None:
    insert(store, sent("a", [1, 2, 3], event_id="order-7", occurred_at=NOON))
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert store.command(f"SELECT count() FROM {DATABASE}.{TABLE}") == 1
    assert found(store)["totals"]["missing"] == 0


def test_an_event_stored_long_after_it_occurred_is_late(store: Client) -> None:
    insert(store, [*sent("a", [1, 2]), *sent("a", [3], occurred_at=NOON - 2 * HOUR)])
    result = found(store)
    assert result["totals"]["late"] == 1
    assert [(c["instance_id"], c["late"]) for c in result["clients"]] == [("a", 1)]


def test_a_late_copy_of_an_event_stored_in_time_is_not_late(store: Client) -> None:
    insert(store, sent("a", [1, 2], ingested_at=NOON + 20 * HOUR))
    insert(store, sent("a", [1, 2]))
    totals = found(store)["totals"]
    assert (totals["copies"], totals["late"]) == (2, 0)


def test_findings_beyond_the_limit_are_counted_but_not_listed(store: Client) -> None:
    insert(store, [event for n in range(9) for event in sent(f"c{n}", [1, 3, 5])])
    result = found(store, limit=4)
    assert result["totals"]["missing"] == 18
    assert (len(result["clients"]), len(result["gaps"])) == (4, 4)


@pytest.mark.parametrize(("numbers", "status"), [([1, 2, 3], 0), ([1, 3], 1)])
def test_the_exit_status_reports_whether_events_are_missing(
    numbers: list[int], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = f"chdb://{tmp_path}/reconciled"
    with open_store(dsn) as client:
        migrate(client)
        insert(client, sent("a", numbers))
    command = ["reconcile", "--dsn", dsn, "--since", "2026-03-10", "--until", "2026-03-11"]
    assert main(command) == status
    printed = capsys.readouterr().out
    assert ("INCOMPLETE" in printed) == bool(status)
    assert main([*command, "--format", "json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert document["totals"]["missing"] == 3 - len(numbers)
    assert document["since"] == "2026-03-10T00:00:00.000Z"
    assert [(gap["first"], gap["last"]) for gap in document["gaps"]] == [(2, 2)] * status


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--since", "yesterday"),
        ("--until", "2026-11-31"),
        ("--since", "0001-01-01T00:00:00+05:00"),
        ("--late", "0"),
        ("--limit", "-1"),
    ],
)
def test_an_invalid_argument_is_rejected_by_name(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["reconcile", "--since", "2026-03-10", option, value])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert f"argument {option}: must be a " in error
    assert f", got {value!r}" in error


def test_an_empty_window_is_not_reported_as_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["reconcile", "--dsn", f"chdb://{tmp_path}/store", "--since", "2026-03-11"]
    assert main([*command, "--until", "2026-03-10"]) == 2
    assert "is not before --until 2026-03-10" in capsys.readouterr().err


def test_the_time_zone_of_the_machine_does_not_shift_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys\n"
        "from tests.sink.test_reconcile import *\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    migrate(store)\n"
        "    insert(store, sent('a', [1, 3]))\n"
        "    minute = timedelta(minutes=1)\n"
        "    assert gaps(found(store, NOON, NOON + minute)) == []\n"
        "    assert gaps(found(store, NOON, NOON + 2 * minute)) == [('a', 2, 2)]\n"
    )
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    subprocess.run([sys.executable, "-c", script, f"chdb://{tmp_path}/zone"], check=True)

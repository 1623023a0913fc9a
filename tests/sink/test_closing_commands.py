"""`close`, `adjustments` and `usage --as-of` as they are called."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import main
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink.events import NOON, insert

Run = Callable[..., tuple[int, str, str]]
_EVENT: Mapping[str, Any] = {
    "product": "api",
    "metric_type": "api_call",
    "workspace_id": "=w",
    "unit_cost": Decimal("0.5"),
    "instance_id": "client",
}


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """A store in which an event of March, and one of April, have arrived."""
    dsn = f"chdb://{tmp_path}/store"
    with open_store(dsn) as client:
        migrate(client)
        insert(client, [event("1", 1), event("2", 2, time=NOON + timedelta(days=31))])
    return dsn


@pytest.fixture
def run(dsn: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command, and returns its exit status, its output and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, "--dsn", dsn])
        return status, *capsys.readouterr()

    return run


def event(event_id: str, number: int, time: datetime = NOON, **fields: Any) -> dict[str, Any]:
    times = {"occurred_at": time, "ts": time, "ingested_at": time + timedelta(minutes=1)}
    return {**_EVENT, "event_id": event_id, "seq": number, **times, **fields}


def add(dsn: str, *events: dict[str, Any]) -> None:
    with open_store(dsn) as client:
        insert(client, events)


def test_a_month_is_closed_shown_adjusted_and_listed(run: Run, dsn: str) -> None:
    march = ("--month", "2026-03")
    status, _, error = run("close", *march, "--show")
    assert (status, error) == (1, "sink: 2026-03 is not closed for all workspaces\n")
    status, _, error = run("adjustments", *march)
    assert (status, "2026-03 is not closed for any workspace" in error) == (1, True)

    status, first, _ = run("close", *march)
    assert status == 0
    assert first.startswith("close 1 of 2026-03: all workspaces; ")
    assert "cost of billable usage: 0.5\n" in first
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"

    late = event("3", 3, quantity=Decimal(4), ingested_at=NOON + timedelta(days=40))
    add(dsn, late)
    for option in ((), ("--show",)):
        assert run("close", *march, *option) == (0, first, "")
    _, adjustments, _ = run("adjustments", *march)
    assert "  late    arrived 2026-04-19 12:00:00.000 UTC" in adjustments
    assert adjustments.endswith("1 late; cost of billable usage: 2\n")
    document = json.loads(run("adjustments", *march, "--format", "json")[1])
    assert [document[name] for name in ("cost", "reasons")] == ["2", {"late": 1}]
    [row] = csv.DictReader(io.StringIO(run("adjustments", *march, "--format", "csv")[1]))
    assert (row["quantity"], row["cost"]) == ("4", "2")

    document = json.loads(
        run("close", "--month", "2026-04", "--despite", "y", "--format", "json")[1]
    )
    assert [(line["kind"], line["cost"]) for line in document["lines"]] == [
        ("usage", "0.5"),
        ("adjustment", "2"),
    ]
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"
    _, rows, _ = run("close", "--month", "2026-04", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(rows)))
    assert [(line["workspace_id"], line["month"]) for line in lines] == [
        ("'=w", "2026-04"),
        ("'=w", "2026-03"),
    ]
    listed = json.loads(run("close", "--list", "--format", "json")[1])
    assert [(close["number"], close["month"]) for close in listed] == [
        (1, "2026-03"),
        (2, "2026-04"),
    ]
    assert "2026-04" in run("close", "--list")[1]
    assert run("close", "--list", "--month", "2026-01")[1] == "nothing is closed\n"


def test_what_is_missing_is_named_and_a_reason_is_kept(run: Run, dsn: str) -> None:
    # A number of March is missing, a session of April is open, and so is the month of now.
    now = datetime.now(UTC).replace(microsecond=0)
    session = {
        "product": "ekascribe",
        "metric_type": "transcription_minute",
        "session_id": "s",
        "boundary": "start",
    }
    open_session = event("s", 1, time=now, instance_id="other", **session)
    add(dsn, event("4", 4, time=NOON + timedelta(hours=1)), open_session)

    status, out, error = run("close", "--month", "2026-03")
    assert (status, out) == (1, "")
    assert "missing: reconcile is not clean: 1 missing; run `usage-sink reconcile --since" in error
    assert "missing: usage is complete up to 2026-03-10T13:00:00.000Z only (client client" in error
    assert error.endswith('2026-03 is not closed; see above, or close it --despite "REASON"\n')

    month = f"{now:%Y-%m}"
    status, _, error = run("close", "--month", month, "--workspace", "=w", "--workspace", "nobody")
    assert status == 1
    assert f"missing: {month} is not over: it ends " in error
    assert "missing: no event of 'nobody' has ever arrived: check the name" in error
    assert "sessions are open" not in error  # it is of this workspace
    assert "1 sessions are open" not in run("close", "--month", "2026-03")[2]

    status, out, _ = run("close", "--month", "2026-03", "--despite", "the client is gone")
    assert status == 0
    assert "despite: the client is gone\n  reconcile is not clean: 1 missing;" in out
    assert run("close", "--month", "2026-03") == (0, out, "")


def test_arguments_that_make_no_sense_are_refused(run: Run) -> None:
    assert run("close")[0] == 2
    assert run("close", "--month", "2026-03", "--despite", " ")[0] == 2
    with pytest.raises(SystemExit):
        run("close", "--month", "2026-13")
    with pytest.raises(SystemExit):
        run("usage", "--all", "--month", "2026-03", "--as-of", "yesterday")
    assert run("usage", "--all", "--month", "2026-03", "--as-of", "2290-01-01T00:00:00Z")[0] == 2


def test_sinks_without_lag_tell_that_a_quiet_month_is_complete(
    run: Run, dsn: str, own_broker: DevBroker
) -> None:
    # Nothing has arrived since April, so nobody can tell that May is complete.
    may = ("close", "--month", "2026-05")
    status, _, error = run(*may)
    assert status == 1
    assert "missing: usage is complete up to 2026-04-10T12:00:00.000Z only" in error
    assert "pass --brokers to compare with Kafka" in error
    assert run(*may, "--brokers", own_broker.bootstrap)[0] == 0


def test_usage_as_of_a_time_lacks_what_arrived_later(run: Run, dsn: str) -> None:
    add(dsn, event("3", 3, quantity=Decimal(4), ingested_at=NOON + timedelta(days=40)))
    void = {"status": "void", "voids": "1", "is_billable": 0, "quantity": Decimal(0)}
    add(dsn, event("v", 4, **void, ingested_at=NOON + timedelta(days=50)))

    def quantity(*options: str) -> list[str]:
        out = run("usage", "--all", "--month", "2026-03", "--format", "json", *options)[1]
        return [line["quantity"] for line in json.loads(out)["lines"]]

    assert quantity() == ["4"]
    assert quantity("--as-of", "2026-03-10T12:00:00Z") == []
    assert quantity("--as-of", "2026-03-10T12:01:00Z") == ["1"]
    assert quantity("--as-of", "2026-04-19T17:30:00+05:30") == ["5"]
    assert quantity("--as-of", "2026-04-29T12:00:00Z") == ["4"]
    as_of = ("--as-of", "2026-04-01T00:00:00Z")
    out = run("usage", "--workspace", "=w", "--month", "2026-03", *as_of)[1]
    assert out.endswith("as of 2026-04-01T00:00:00.000Z: what arrived later is left out\n")

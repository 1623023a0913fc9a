"""`close`, `adjustments` and `usage --as-of` as they are called."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import TIME_ZONE
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink.clickhouse_server import ClickHouseServer
from tests.sink.events import NOON, insert
from tests.sink.stores import make_store

Run = Callable[..., tuple[int, str, str]]
_EVENT: Mapping[str, Any] = {
    "product": "api",
    "metric_type": "api_call",
    "workspace_id": "=w",
    "unit_cost": Decimal("0.5"),
    "instance_id": "client",
}


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store in which an event of March, and one of April, have arrived last."""
    folder = tmp_path_factory.mktemp("closing") / "server"
    make_store(folder)
    with ClickHouseServer(folder) as server:
        add(server.dsn, event("1", 1), event("2", 2, time=NOON + timedelta(days=31)))
        yield server.dsn


@pytest.fixture
def run(dsn: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command, and returns its exit status, its output and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, "--dsn", dsn])
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


def event(event_id: str, number: int, time: datetime = NOON, **fields: Any) -> dict[str, Any]:
    times = {"occurred_at": time, "ts": time, "ingested_at": time + timedelta(minutes=1)}
    return {**_EVENT, "event_id": event_id, "seq": number, **times, **fields}


def add(dsn: str, *events: dict[str, Any]) -> None:
    with open_store(dsn) as client:
        insert(client, events)


def test_a_month_is_closed_shown_adjusted_and_listed(run: Run, dsn: str) -> None:
    march = ("--month", "2026-03", "--workspace", "=w")
    status, _, error = run("close", *march, "--show")
    assert (status, error) == (1, "sink: 2026-03 is not closed for =w\n")
    status, _, error = run("adjustments", *march)
    assert (status, "2026-03 is not closed for =w;" in error) == (1, True)

    status, first, _ = run("close", *march)
    assert status == 0
    assert " of 2026-03: =w; " in first.splitlines()[0]
    assert "cost of billable usage: 0.5\n" in first
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"

    april = ("close", "--month", "2026-04", "--workspace", "=w")
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

    document = json.loads(run(*april, "--despite", "quiet", "--format", "json")[1])
    assert [(line["kind"], line["cost"]) for line in document["lines"]] == [
        ("usage", "0.5"),
        ("adjustment", "2"),
    ]
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"
    _, rows, _ = run(*april, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(rows)))
    assert [(line["workspace_id"], line["month"]) for line in lines] == [
        ("'=w", "2026-04"),
        ("'=w", "2026-03"),
    ]
    listed = json.loads(run("close", "--list", "--workspace", "=w", "--format", "json")[1])
    months = [close["month"] for close in listed if close["month"] < "2026-05"]
    assert months == ["2026-03", "2026-04"]
    assert "2026-04" in run("close", "--list")[1]
    assert run("close", "--list", "--month", "2026-01")[1] == "nothing is closed\n"


def test_what_is_missing_is_named_and_a_reason_is_kept(run: Run, dsn: str) -> None:
    now, before = datetime.now(UTC).replace(microsecond=0), NOON - timedelta(days=365)
    gone = {"instance_id": "gone", "workspace_id": "busy"}
    session = {
        "product": "ekascribe",
        "metric_type": "transcription_minute",
        "session_id": "s",
        "boundary": "start",
        "instance_id": "other",
        "occurred_at": now,
    }
    add(
        dsn,
        event("1", 1, before, **gone),
        event("3", 3, before + timedelta(hours=1), **gone),
        event("s", 1, before, **{**gone, **session}),
    )

    march = ("close", "--month", "2025-03", "--workspace", "busy")
    status, out, error = run(*march)
    assert (status, out) == (1, "")
    assert "missing: reconcile is not clean: 1 missing, 1 skewed; run `usage-sink rec" in error
    assert "missing: usage is complete up to 2025-03-10T12:00:00.000Z only (client gone " in error
    assert error.endswith('2025-03 is not closed; see above, or close it --despite "REASON"\n')
    status, out, _ = run(*march, "--despite", "the client is gone")
    assert status == 0
    assert "despite: the client is gone\n  reconcile is not clean: 1 missing, 1 skewed;" in out
    assert run(*march) == (0, out, "")

    month = f"{now.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m}"
    workspaces = ("--workspace", "busy", "--workspace", "nobody")
    status, _, error = run("close", "--month", month, *workspaces)
    assert status == 1
    assert f"missing: {month} is not over: it ends " in error
    assert "missing: no event of 'nobody' has ever arrived: check the name" in error
    session_named = "busy/ekascribe/transcription_minute/s"
    assert f"missing: 1 sessions are open, such as {session_named}\n" in error


def test_arguments_that_make_no_sense_are_refused(run: Run) -> None:
    assert run("close")[0] == 2
    assert run("close", "--month", "2026-03", "--despite", " ")[0] == 2
    with pytest.raises(SystemExit):
        run("close", "--month", "2026-13")
    with pytest.raises(SystemExit):
        run("usage", "--all", "--month", "2026-03", "--as-of", "yesterday")
    assert run("usage", "--all", "--month", "2026-03", "--as-of", "2290-01-01T00:00:00Z")[0] == 2


def test_sinks_without_lag_tell_that_a_quiet_month_is_complete(
    run: Run, own_broker: DevBroker
) -> None:
    # Nothing has arrived since April, so nobody can tell that a later month is complete.
    may = ("close", "--month", "2026-05", "--workspace", "=w")
    status, _, error = run(*may)
    assert status == 1
    assert "missing: usage is complete up to 2026-04-10T12:00:00.000Z only" in error
    assert "pass --brokers to compare with Kafka" in error
    assert run(*may, "--brokers", own_broker.bootstrap)[0] == 0


def test_usage_as_of_a_time_lacks_what_arrived_later(run: Run, dsn: str) -> None:
    before = NOON - timedelta(days=730)
    own = {"workspace_id": "then", "instance_id": "then"}
    void = {"status": "void", "voids": "1", "is_billable": 0, "quantity": Decimal(0)}
    late = {"quantity": Decimal(4), "ingested_at": before + timedelta(days=40)}
    add(
        dsn,
        event("1", 1, before, **own),
        event("2", 2, before, **own, **late),
        event("v", 3, before + timedelta(days=50), **own, **void),
    )

    def usage(*options: str) -> str:
        return run("usage", "--workspace", "then", "--month", "2024-03", *options)[1]

    as_of = ("--as-of", "2024-04-10T05:30:00+05:30")
    document = json.loads(usage(*as_of, "--format", "json"))
    assert [line["quantity"] for line in document["lines"]] == ["1"]
    assert document["as_of"] == "2024-04-10T00:00:00.000Z"
    assert [line["quantity"] for line in json.loads(usage("--format", "json"))["lines"]] == ["4"]
    assert usage(*as_of).endswith(
        "as of 2024-04-10T00:00:00.000Z: what arrived later is left out\n"
    )

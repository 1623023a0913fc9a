"""What is erased is gone for good: from the tables, and from whatever delivers it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from infra.sink.__main__ import main
from infra.sink._generated.fields import (
    CLOSE_EVENTS,
    CLOSE_LINES,
    CLOSES,
    DATABASE,
    DEAD_LETTER_TOPIC,
    USAGE_TOPIC,
)
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink import harness
from tests.sink.clickhouse_server import ClickHouseServer, Failure
from tests.sink.events import NOON, insert
from tests.sink.harness import SECONDS, Sink, encoded
from tests.sink.stores import make_store

W, OTHER = "acme's clinic", "other"
_EVENT: Mapping[str, Any] = {
    "product": "api",
    "metric_type": "api_call",
    "workspace_id": W,
    "unit_cost": Decimal("0.5"),
    "instance_id": "client",
}
_MINUTE = {"product": "ekascribe", "metric_type": "transcription_minute", "session_id": "visit"}
Run = Callable[..., tuple[int, str, str]]


def event(event_id: str, number: int, time: datetime = NOON, **fields: Any) -> dict[str, Any]:
    times = {"occurred_at": time, "ts": time, "ingested_at": time}
    return {**_EVENT, **times, "event_id": event_id, "seq": number, **fields}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    make_store(tmp_path / "server")
    with ClickHouseServer(tmp_path / "server") as running:
        yield running


@pytest.fixture
def run(server: ClickHouseServer, own_broker: DevBroker, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command, and returns its exit status, its output and its errors."""

    def run(command: str, *arguments: str) -> tuple[int, str, str]:
        at = [] if command == "dlq" else ["--dsn", server.dsn]
        at += ["--brokers", own_broker.bootstrap] if command in {"dlq", "erase", "trace"} else []
        status = main([command, *arguments, *at])
        written = capsys.readouterr()
        return status, written.out, written.err

    return run


def add(server: ClickHouseServer, *events: dict[str, Any]) -> None:
    with open_store(server.dsn) as client:
        insert(client, events)


def letters(bootstrap: str, *events: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.metrics.push": False})
    for each in events:
        producer.produce(DEAD_LETTER_TOPIC, encoded(each), each["workspace_id"])
    assert producer.flush(SECONDS) == 0


def holders(client: Client, text: str) -> list[str]:
    """Returns the tables with a row that has a text, whatever their columns are."""
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = {database:String} "
        "AND engine LIKE '%MergeTree' ORDER BY name",
        {"database": DATABASE},
    ).result_rows
    query = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count() AS rows FROM {DATABASE}.{name}"
        " WHERE position(toJSONString(tuple(*)), {text:String}) > 0"
        for [name] in tables
    )
    found = client.query(f"SELECT name FROM ({query}) WHERE rows > 0 ORDER BY name", {"text": text})
    return [name for [name] in found.result_rows]


def assert_only_others_are_used(run: Run) -> None:
    usage = json.loads(run("usage", "--all", "--month", "2026-03", "--format", "json")[1])
    assert {row["workspace_id"] for row in usage["lines"]} == {OTHER}


def nothing_of_it(run: Run, closed: str) -> None:
    """Asserts that no answer has it, and that the closed month stays what it was."""
    assert_only_others_are_used(run)
    assert "secret" not in run("events", "--all", "--format", "csv")[1]
    march = ("--month", "2026-03")
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"
    assert run("close", *march) == (0, closed, "")


def assert_only_others_are_replayed(run: Run) -> None:
    assert "secret" not in run("dlq", "list", "--all")[1]
    assert run("dlq", "list")[1].endswith("1 dead letters: unknown 1\n")
    assert run("dlq", "replay", "--all")[1].endswith("1 replayed\n")


def test_a_workspace_is_erased_and_no_copy_brings_it_back(
    run: Run, server: ClickHouseServer, own_broker: DevBroker
) -> None:
    april = NOON + timedelta(days=31)
    session: dict[str, Any] = {**_MINUTE, "quantity": 0}
    add(
        server,
        event("secret-1", 1, quantity=2),
        event("secret-2", 2),
        event("secret-3", 3, **session, boundary="start"),
        event("secret-4", 4, **session, boundary="end", occurred_at=NOON + timedelta(minutes=30)),
        event("kept-1", 5, workspace_id=OTHER, quantity=7),
    )
    add(server, event("secret-2", 6, quantity=9), event("secret-5", 7, april))
    run("workspace", "set", "--workspace", W, "--zone", "Europe/Paris", "--from", "2026-04")
    run("reconcile", "explain", "conflict", f"{W}/api/api_call/secret-2", "--reason", "known")
    status, closed, _ = run("close", "--month", "2026-03", "--despite", "quiet")
    assert (status, "cost of billable usage: 20" in closed) == (0, True), closed
    run("rollup")
    bad = {"quantity": -1, "workspace_id": W, "event_id": "secret-6"}
    letters(
        own_broker.bootstrap, harness.event(**bad), harness.event(**{**bad, "workspace_id": OTHER})
    )

    asked = ("--workspace", W)
    status, out, _ = run("erase", *asked)
    assert (status, "usage_events             6 rows\n" in out) == (0, True), out
    assert "not billed     2026-04: 1 billable events\nclose these months first" in out
    assert out.endswith("nothing is erased: pass --yes and --reason\n")
    status, _, error = run("erase", *asked, "--yes")
    assert (status, error) == (2, "sink: --reason must not be blank\n")
    yes = (*asked, "--yes", "--reason", "Art. 17", "--by", "dpo")
    status, certificate, _ = run("erase", *yes)
    assert status == 0
    for line in (
        "by dpo: Art. 17\n",
        "usage_events             6 rows\n",
        "not billed     2026-04: 1 billable events\n",
        f"in Kafka       {USAGE_TOPIC} has copies until 20",
        f"in Kafka       {DEAD_LETTER_TOPIC} has copies until 20",
    ):
        assert line in certificate, certificate
    with open_store(server.dsn) as client:
        assert holders(client, W) == [CLOSE_LINES]
        assert holders(client, "secret") == []
        assert "usage_events" in holders(client, OTHER)

    status, out, _ = run("reconcile", "--since", "2026-01-01")
    assert ("6 erased\n" in out, "clean\n" in out, status) == (True, True, 0), out
    status, out, _ = run("trace", *asked, "--event", "secret-1")
    assert (status, "by dpo: Art. 17\n" in out, "counts      nowhere" in out) == (0, True, True)
    assert_only_others_are_replayed(run)

    # Copies of what it had, events that a spool delivers late, and new usage.
    add(
        server,
        event("secret-1", 1, quantity=2),
        event("secret-2", 8, quantity=11),
        event("secret-7", 9, april),
    )
    nothing_of_it(run, closed)
    run("rollup")
    assert_only_others_are_used(run)
    again = run("erase", *yes)
    assert (again[0], "usage_events             3 rows\n" in again[1]) == (0, True)
    with open_store(server.dsn) as client:
        assert holders(client, "secret") == []
    add(server, event("secret-8", 10))
    assert run("erase", "--again")[1] == "1 late events erased\n"
    assert run("erase", *yes)[1].startswith("was erased already, and nothing has come since\n")
    with open_store(server.dsn) as client:
        assert holders(client, W) == [CLOSE_LINES]
    assert run("reconcile", "--since", "2026-01-01")[0] == 0

    now = datetime.now(UTC)
    add(server, event("new", 11, now, quantity=3))
    usage = json.loads(run("usage", *asked, "--from", "2026-01-01", "--format", "json")[1])
    assert [row["quantity"] for row in usage["lines"]] == ["3"]
    assert run("erase", "--list")[1].count("yes\n") == 2


def test_an_erasure_that_was_interrupted_is_ended_also_by_two_at_once(
    run: Run, server: ClickHouseServer
) -> None:
    add(server, event("secret-1", 1), event("kept", 2, workspace_id=OTHER))
    march = ("--month", "2026-03")
    _, closed, _ = run("close", *march, "--despite", "quiet")
    yes = ("--workspace", W, "--yes", "--reason", "law")
    for step in ("UPDATE _content", "usage_events DELETE"):

        def fail(statement: str, step: str = step) -> None:
            if statement.startswith("ALTER") and step in statement:
                raise Failure(243, "NOT_ENOUGH_SPACE")

        server.before = fail
        assert run("erase", *yes)[0] == 1
        server.before = lambda _: None
        assert "secret" not in run("events", "--all", "--format", "csv")[1]
        assert run("erase", "--list")[1].endswith("no\n")
    # No closed month owes anything.
    assert run("adjustments", *march)[1] == "nothing has changed since it was closed\n"
    second: list[str] = []

    def meanwhile(statement: str) -> None:
        if "UPDATE _content" in statement and not second:
            second.append("")
            second[0] = run("erase", *yes)[1]

    server.before = meanwhile
    first = run("erase", *yes)[1]
    for certificate in (first, *second):
        assert "usage_events             1 rows\n" in certificate
        assert "close_events             1 rows\n" in certificate
    with open_store(server.dsn) as client:
        assert holders(client, W) == [CLOSE_LINES]
    assert run("close", *march) == (0, closed, "")
    [listed] = json.loads(run("erase", "--list", "--format", "json")[1])
    assert listed["is_complete"] is True


@pytest.mark.parametrize(
    ("meanwhile", "billed"),
    [("SHA256(arrayStringConcat(", "1"), (f"INSERT INTO `{DATABASE}`.`{CLOSES}`", "2")],
    ids=["before its events are counted", "after"],
)
def test_a_workspace_may_be_erased_while_its_month_is_closed(
    run: Run, server: ClickHouseServer, meanwhile: str, billed: str
) -> None:
    add(server, event("secret-1", 1), event("kept", 2, workspace_id=OTHER))
    erased: list[int] = []

    def erase(statement: str) -> None:
        if meanwhile in statement and not erased:
            erased.append(-1)
            erased[0] = run("erase", "--workspace", W, "--yes", "--reason", "law")[0]

    server.before = erase
    march = ("--month", "2026-03")
    status, closed, _ = run("close", *march, "--despite", "quiet")
    assert (status, erased) == (0, [0])
    assert f"{billed} lines" in closed, closed
    with open_store(server.dsn) as client:
        assert holders(client, "secret") == []
        # As a close leaves them that dies meanwhile.
        columns = ["close_id", "workspace_id", "event_id", "position"]
        left = ["died", W, "secret-2", (NOON, NOON, 1)]
        client.insert(CLOSE_EVENTS, [left], columns, database=DATABASE)
    assert run("erase", "--again")[0] == 0
    with open_store(server.dsn) as client:
        assert holders(client, "secret") == []
    nothing_of_it(run, closed)


def test_every_name_of_a_workspace_is_erased_with_it(run: Run, server: ClickHouseServer) -> None:
    add(
        server,
        event("secret-1", 1),
        event("secret-2", 2, workspace_id="bought"),
        event("kept", 3, workspace_id=OTHER),
    )
    merge = ("--workspace", "bought", "--into", W, "--from", "2026-03", "--reason", "acquired")
    assert run("workspace", "merge", *merge)[0] == 0
    yes = ("--yes", "--reason", "law")
    status, _, error = run("erase", "--workspace", "bought", *yes)
    assert (status, "erase that one, and this one goes with it" in error) == (1, True), error
    status, certificates, _ = run("erase", "--workspace", W, *yes)
    assert (status, certificates.count("usage_events             1 rows\n")) == (0, 2)
    assert_only_others_are_used(run)
    with open_store(server.dsn) as client:
        for text in ("secret", "bought", W):
            assert holders(client, text) == []
    # Nothing tells the names apart any more, and late events of both stay hidden.
    add(server, event("secret-3", 4), event("secret-4", 5, workspace_id="bought"))
    assert_only_others_are_used(run)
    assert run("erase", "--again")[1] == "2 late events erased\n"


def test_a_metadata_key_is_erased_of_a_workspace_or_of_all(
    run: Run, server: ClickHouseServer, own_broker: DevBroker
) -> None:
    data = r'{"patient":"Jane","order":"a/b","n":1.5}'
    escaped = r'{"pati\u0065nt":"Jane"}'
    add(
        server,
        event("1", 1, metadata=data),
        event("2", 2, metadata=escaped),
        event("3", 3, metadata=r'{"patients":"two"}'),
        event("4", 4, metadata=data, workspace_id=OTHER),
    )
    letters(own_broker.bootstrap, harness.event(workspace_id=W, quantity=-1, metadata=data))

    def metadata() -> list[dict[str, Any]]:
        rows = json.loads(run("events", "--all", "--format", "json")[1])["events"]
        return [json.loads(row["metadata"]) for row in sorted(rows, key=lambda row: row["seq"])]

    key = ("--metadata-key", "patient")
    assert "usage_events             2 rows\n" in run("erase", "--workspace", W, *key)[1]
    yes = ("--yes", "--reason", "law")
    assert run("erase", "--workspace", W, *key, *yes)[0] == 0
    rest = {"order": "a/b", "n": 1.5}
    whole = {"patient": "Jane", **rest}
    assert metadata() == [rest, {}, {"patients": "two"}, whole]
    with open_store(server.dsn) as client:
        query = f"SELECT event_id FROM {DATABASE}.usage_events WHERE metadata LIKE '%Jane%'"
        assert client.query(query).result_rows == [("4",)]
    [name] = [
        line.split()[0] for line in run("dlq", "list")[1].splitlines() if "/" in line.split()[0]
    ]
    shown = run("dlq", "show", name)[1]
    assert ("Jane" not in shown, r"\"order\":\"a/b\"" in shown.replace(r"\\\"", r"\"")) == (
        True,
        True,
    ), shown

    # Of what arrives later, only what is older.
    now = datetime.now(UTC)
    add(
        server,
        event("5", 5, metadata=data),
        event("6", 6, now, metadata=data),
    )
    assert metadata()[4:] == [rest, whole]
    assert run("erase", "--again")[1] == "1 late events erased\n"
    assert run("erase", "--all", *key, *yes)[0] == 0
    assert metadata()[3] == rest

    with open_store(server.dsn) as client:
        client.command(
            f"INSERT INTO {DATABASE}.catalog_releases (product, metric_type, unique_of) "
            "VALUES ('api', 'api_call', 'metadata.n')"
        )
    status, _, error = run("erase", "--all", "--metadata-key", "n", *yes)
    assert (status, "api.api_call counts by metadata.n, and every" in error) == (1, True)
    assert run("reconcile", "--since", "2026-01-01")[0] == 0


def test_a_sink_erases_late_copies(own_broker: DevBroker, tmp_path: Path) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    at = ["--dsn", sink.dsn, "--brokers", own_broker.bootstrap]
    assert main(["erase", "--workspace", "w", "--yes", "--reason", "law", *at]) == 0
    late = {"workspace_id": "w", "product": "api", "metric_type": "api_call"}
    with sink.store() as client:
        insert(client, [{**late, "event_id": "secret"}])
    with sink:
        sink.wait_for("erased 1 events that arrived late")
        assert sink.stop() == 0
    assert sink.rows() == [(0,)]

"""`import` takes the events of a file, all or none, and each counts once."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, USAGE, USAGE_TOPIC
from tests.broker import DevBroker
from tests.sink.closing_cases import Pending, Workspace
from tests.sink.harness import Sink
from tests.sink.test_void import produced

CALL = {"workspace_id": "w", "product": "api", "metric_type": "api_call"}
MARCH = "2024-03-31T17:00:00Z"
CSV = f"""\
event_id,workspace_id,product,metric_type,quantity,unit_cost,occurred_at,metadata.region,tags
a1,w,api,api_call,2,0.123456789012,{MARCH},in,"[""x""]"
a2,w,api,api_call,0.1,,2024-03-31T23:59:59.999+05:30,,
"""


def ndjson(*events: dict[str, Any]) -> str:
    """A file with one event a line."""
    return "".join(f"{json.dumps({**CALL, **event})}\n" for event in events)


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Checks a file, and returns the exit status and what is printed."""

    def run(text: str | bytes, ending: str = "ndjson") -> tuple[int, str]:
        file = tmp_path / f"events.{ending}"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        status = main(["import", str(file), "--dry-run"])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_events_of_a_file_count_once_also_in_months_that_are_closed(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path, "--strict").migrate()

    def import_file(name: str, text: str, *options: str) -> tuple[int, str]:
        (tmp_path / name).write_text(text)
        at = ["--brokers", own_broker.bootstrap, "--dsn", sink.dsn, "--reason", "the old system"]
        status = main(["import", str(tmp_path / name), *at, "--by", "ada", *options])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    def store_all(what: str) -> None:
        with sink:
            sink.wait_for(what)
            assert "dead letters" not in sink.log
            assert sink.stop() == 0

    def usage() -> list[tuple[Any, ...]]:
        with sink.store() as client:
            query = f"""\
SELECT event_id, quantity, unit_cost, occurred_at, metadata, tags, service_name, is_billable
FROM {DATABASE}.{USAGE} ORDER BY event_id"""
            return [tuple(row) for row in client.query(query).result_rows]

    late = {"id": "a3", "quantity": 7, "occurred_at": MARCH}
    status, out = import_file("bad.ndjson", ndjson(late, {**late, "id": "a4", "quantity": -1}))
    assert status == 1
    assert "line 2 (event 1): quantity.invalid" in out
    assert produced(own_broker.bootstrap, USAGE_TOPIC) == 0

    status, out = import_file("first.csv", CSV)
    assert status == 0, out
    assert "imported 2 events of first.csv, from 2024-03-31T17:00:00.000Z" in out
    store_all("stored 2, ")
    rows = [
        (
            *("a1", Decimal(2), Decimal("0.123456789012"), datetime(2024, 3, 31, 17, tzinfo=UTC)),
            *('{"region":"in"}', ["x"], "usage-import", 1),
        ),
        (
            *("a2", Decimal("0.1"), None, datetime(2024, 3, 31, 18, 29, 59, 999_000, tzinfo=UTC)),
            *("{}", [], "usage-import", 1),
        ),
    ]
    assert usage() == rows

    with sink.store() as client:
        assert Workspace(client, "w").close(date(2024, 3, 1))
    written = produced(own_broker.bootstrap, USAGE_TOPIC)
    status, out = import_file("renamed.csv", CSV)
    assert status == 0
    assert "first.csv was imported already, at " in out
    assert " by ada: " in out
    assert produced(own_broker.bootstrap, USAGE_TOPIC) == written

    # Another file with an event that is stored, and one that its month lacks.
    again = {"id": "a2", "quantity": 0.1, "occurred_at": "2024-03-31T18:29:59.999Z"}
    status, out = import_file("second.ndjson", ndjson(again, late), "--service", "old")
    assert status == 0, out
    store_all("stored 2, ")
    assert usage()[:2] == rows
    assert [row[0] for row in usage()] == ["a1", "a2", "a3"]
    with sink.store() as client:
        lacking = Workspace(client, "w").pending(date(2024, 3, 1))
    assert [row[:2] for row in lacking.events] == [("a3", "late")]
    assert lacking != Pending([], [])

    assert main(["reconcile", "--dsn", sink.dsn, "--since", "2024-01-01"]) == 0
    assert main(["import", "--list", "--dsn", sink.dsn]) == 0
    _, first, second = capsys.readouterr().out.split("imported_at")[1].splitlines()
    assert "first.csv" in first
    assert "second.ndjson" in second
    words = [" ".join(line.split()) for line in (first, second)]
    assert all(" ada the old system yes " in line for line in words)


def test_an_import_that_kafka_does_not_take_is_kept_as_incomplete_and_can_be_repeated(
    tmp_path: Path, own_broker: DevBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    file = tmp_path / "events.csv"
    file.write_text(CSV)
    command = ["import", str(file), "--dsn", sink.dsn, "--reason", "move", "--brokers"]
    own_broker.stop()
    assert main([*command, own_broker.bootstrap]) == 1
    assert "cannot import to" in capsys.readouterr().err
    with DevBroker(data_dir=tmp_path / "other") as other:
        assert main([*command, other.bootstrap]) == 0
        assert main(["import", "--list", "--dsn", sink.dsn]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2] for line in lines[-2:]] == ["no", "yes"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"id": "x"}, "occurred_at is missing"),
        ({"occurred_at": MARCH}, "event_id is missing"),
        ({"id": "x", "occurred_at": "2024-03-31T17:00:00"}, "occurred_at.invalid"),
        ({"id": "x", "occurred_at": "1999-03-31T17:00:00Z"}, "is before what the store keeps"),
        ({"id": "x", "occurred_at": 1711904400000, "metric_type": "api_cal"}, "did you mean"),
        ({"id": "x", "occurred_at": MARCH, "status": "void"}, "status.unknown"),
        ({"id": "x", "occurred_at": MARCH, "quantiy": 1}, "did you mean 'quantity'?"),
        ({"id": "x", "occurred_at": MARCH, "event_id": "y"}, "event_id is given twice"),
        ({"id": "x", "occurred_at": MARCH, "metadata": {"a": "x" * 40_000}}, "metadata."),
    ],
)
def test_a_line_that_the_sdk_would_reject_is_named(
    check: Any, line: dict[str, Any], fault: str
) -> None:
    status, out = check("\n" + ndjson({"id": "1", "occurred_at": MARCH}, line))
    assert status == 1
    assert "line 3 (event 1): " in out
    assert fault in out
    assert "nothing of " in out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: the file is empty"),
        ("event_id,quantiy\n", "line 1: no such argument 'quantiy': did you mean 'quantity'?"),
        ("event_id,id\n", "line 1: event_id is given twice"),
        (CSV + "b,w\n", "line 4 (event 2): has 2 cells, and the header has 9"),
        (CSV + CSV.splitlines()[1], "line 4 (event 2): event_id 'a1' is that of line 2"),
        (CSV.replace(",2,", ",two,"), "line 2 (event 0): quantity.invalid"),
        (CSV.replace(",2,", ",1_0,"), "line 2 (event 0): quantity.invalid"),
        (CSV + '"b', "line 4 (event 2): not CSV"),
        (CSV.encode().replace(b"a1", b"\xff"), "line 2 (event 0): event_id.invalid"),
        (CSV.splitlines()[0], "has no event"),
    ],
)
def test_what_is_wrong_with_a_csv_is_named(check: Any, text: str | bytes, fault: str) -> None:
    status, out = check(text, "csv")
    assert status == 1
    assert fault in out


def test_a_cell_may_span_lines_and_recent_work_has_the_rule_of_services(check: Any) -> None:
    spanning = CSV.replace(",in,", ',"a\nb",')
    assert check("\ufeff" + spanning, "csv")[0] == 0
    status, out = check(spanning + "a1,w,api,api_call\n", "csv")
    assert (status, "line 5 (event 2): has 4 cells" in out) == (1, True)
    ahead = datetime.now(UTC) + timedelta(minutes=30)
    status, out = check(ndjson({"id": "x", "occurred_at": ahead.isoformat()}))
    assert (status, "occurred_at.invalid" in out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "pass FILE, or --list"),
        (["no.csv"], "--reason must not be blank"),
        (["no.txt", "--dry-run"], "pass --format"),
        (["no.csv", "--dry-run"], "cannot read no.csv: No such file"),
    ],
)
def test_what_an_import_needs_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", *arguments]) == 2
    assert message in capsys.readouterr().err

"""`usage` and `events` print the same in every format, and refuse what has no answer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.sink.__main__ import main
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.usage.query import DIMENSIONS
from tests.sink.events import NOON, insert

FORMULA = "=HYPERLINK(1)"
CALL = {
    "product": "api",
    "metric_type": "api_call",
    "workspace_id": "w",
    "environment": "production",
}


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"chdb://{tmp_path_factory.mktemp('usage')}/store"
    events: list[Mapping[str, Any]] = [
        {"model": FORMULA, "cost": Decimal("0.1"), "tags": ["a,b", 'c"d']},
        {"model": "gpt", "cost": Decimal("0.2"), "metadata": '{"k,1":"x\\ny"}'},
        {"environment": "staging", "cost": Decimal(7)},
        {"is_billable": 0, "status": "error"},
        {"event_id": "1", "workspace_id": "v", "occurred_at": NOON + timedelta(days=1)},
    ]
    with open_store(address) as client:
        migrate(client)
        client.command(
            "ALTER TABLE eka_usage.catalog_releases UPDATE aggregation = 'max'"
            " WHERE metric_type = 'sms' SETTINGS mutations_sync = 1"
        )
        insert(
            client,
            (
                {**CALL, "event_id": str(number), "seq": number, **event}
                for number, event in enumerate(events, 1)
            ),
        )
        sms = {"product": "comms", "metric_type": "sms", "workspace_id": "m", "cost": Decimal(5)}
        insert(
            client, ({**sms, "event_id": str(n), "seq": n + 10, "model": str(n)} for n in (1, 2))
        )
    return address


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main(list(command)) == 0
    return capsys.readouterr().out


def test_lines_are_the_same_in_every_format(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["usage", "--dsn", dsn, "--workspace", "w", "--from", "2026-03-10", "--to"]
    asked += ["2026-03-11", "--window", "hour", "--group-by", 'model,"metadata.k,1"']
    table = printed(capsys, *asked)
    lines = list(csv.DictReader(io.StringIO(printed(capsys, *asked, "--format", "csv"))))
    document = json.loads(printed(capsys, *asked, "--format", "json", "--memory", "1"))
    assert [line["model"] for line in lines] == [f"'{FORMULA}", "gpt", "", ""]
    assert [line["metadata.k,1"] for line in lines] == ["", "x\\ny", "", ""]
    for line, found in zip(lines, document["lines"], strict=True):
        assert list(line) == list(found)
        for name, value in found.items():
            text = "" if value is None else str(value)
            assert line[name] == (f"'{FORMULA}" if text == FORMULA else text.replace("\n", "\\n"))
            assert text.replace("\n", "\\n") in table
    environments = [line["environment"] for line in document["lines"]]
    assert environments == ["production", "production", "staging", "production"]
    # Another environment is a line of its own, and not billed.
    assert document["cost"] == "0.3"
    assert "cost of billable usage: 0.3" in table
    [bounds] = document["bounds"]
    zone = ZoneInfo(bounds["time_zone"])
    for name, day in (("from", "2026-03-10"), ("to", "2026-03-11")):
        assert document[name] == day
        instant = datetime.fromisoformat(bounds[name])
        assert instant == datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone)
    hour, first = document["lines"][0], NOON.astimezone(zone).replace(minute=0)
    assert hour["hour"] == first.isoformat("T", "minutes")
    assert datetime.fromisoformat(hour["from"]) == first
    assert datetime.fromisoformat(hour["to"]) == first + timedelta(hours=1)
    assert document["complete_until"] == "2026-03-10T12:00:00.000Z"
    made = datetime.fromisoformat(document["made_at"])
    assert timedelta() <= datetime.now(UTC) - made < timedelta(hours=1)


def test_an_answer_without_lines_is_one_in_every_format(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["usage", "--dsn", dsn, "--all", "--month", "2026-03"]
    full = printed(capsys, *asked, "--format", "csv")
    asked += ["--where", "vendor=nobody"]
    assert printed(capsys, *asked, "--format", "csv") == full.splitlines(keepends=True)[0]
    document = json.loads(printed(capsys, *asked, "--format", "json"))
    assert (document["lines"], document["cost"]) == ([], None)
    assert printed(capsys, *asked).startswith("no such usage in 2026-03\ncomplete up to ")
    events = ["events", "--dsn", dsn, "--all", "--event", "none"]
    assert printed(capsys, *events) == "no such events\n"
    assert printed(capsys, *events, "--format", "csv").startswith('"event_id","work')
    empty: dict[str, Any] = {"events": [], "next": None}
    assert json.loads(printed(capsys, *events, "--format", "json")) == empty


def test_the_costs_of_parts_are_not_added_where_events_are_not_summed(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["usage", "--dsn", dsn, "--workspace", "m", "--month", "2026-03"]
    assert "cost of billable usage: 5" in printed(capsys, *asked)
    asked += ["--group-by", "model"]
    assert "no total: " in printed(capsys, *asked)
    document = json.loads(printed(capsys, *asked, "--format", "json"))
    assert [line["cost"] for line in document["lines"]] == ["5", "5"]
    assert document["cost"] is None


def test_events_are_listed_in_every_format(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["events", "--dsn", dsn, "--workspace", "w", "--limit", "3"]
    assert main(asked) == 0
    table, more = capsys.readouterr()
    assert "voids" not in table.splitlines()[0]
    cursor = more.removeprefix("there are more events: continue with --after ").rstrip()
    document = json.loads(printed(capsys, *asked, "--format", "json"))
    assert document["next"] == cursor
    lines = list(csv.DictReader(io.StringIO(printed(capsys, *asked, "--format", "csv"))))
    assert [line["event_id"] for line in lines] == ["1", "2", "3"]
    assert json.loads(lines[0]["tags"]) == document["events"][0]["tags"] == ["a,b", 'c"d']
    assert lines[0]["model"] == f"'{FORMULA}"
    assert lines[0]["effective_cost"] == document["events"][0]["effective_cost"] == "0.1"
    rest = json.loads(printed(capsys, *asked, "--after", cursor, "--format", "json"))
    assert [event["event_id"] for event in rest["events"]] == ["4"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--month", "2026-03", "--from", "2026-03-01"], "--month is a period"),
        ([], "no period: pass --month"),
        (["--to", "2026-03-01"], "no period: pass --month"),
        (["--from", "2026-03-02", "--to", "2026-03-02"], "the period is empty"),
        (["--from", "2026-03-02T01:00:00Z", "--to", "2026-03-02T02:00:00+02:00"], "is empty"),
        (["--from", "1800-03-02"], "not a time that events can have"),
        (["--month", "2026-03", "--group-by", "colour"], f"use one of {DIMENSIONS[0]}, "),
        (["--month", "2026-03", "--group-by", "model,model"], "named twice"),
        (["--month", "2026-03", "--group-by", "tags"], "events have several"),
        (["--month", "2026-03", "--group-by", "product"], "grouped by product already"),
        (["--month", "2026-03", "--group-by", ""], "no dimension ''"),
        (["--month", "2026-03", "--where", "model"], "must be such as model=NAME"),
        (["--month", "2026-03", "--where", "quantity=1"], "no dimension 'quantity'"),
        (["--month", "2026-03", "--limit", "0"], "the limit must be from 1"),
    ],
)
def test_what_has_no_answer_is_a_usage_error(
    wrong: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "--dsn", "chdb:///none", "--workspace", "w", *wrong]) == 2
    assert message in capsys.readouterr().err


def test_more_lines_than_the_limit_are_an_error(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "--dsn", dsn, "--all", "--month", "2026-03", "--limit", "2"]) == 1
    assert "more than 2 lines: raise --limit" in capsys.readouterr().err

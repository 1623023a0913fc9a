"""What bills strangely has a word and an exit status of its own, until somebody explains it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, EXPIRED, TABLE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.sink.events import NOON, insert

METRIC = {"product": "ekascribe", "metric_type": "transcription_minute", "workspace_id": "w"}
HOUR = timedelta(hours=1)
WORDS = ("missing", "expired", "conflict", "skewed", "session")


class Reconciled:
    """A store, and what `reconcile` says of it on the day of the events."""

    def __init__(self, dsn: str, read: Callable[[], str]) -> None:
        self._dsn = dsn
        self._read = read
        self._number = 0

    def insert(self, *events: Mapping[str, Any]) -> None:
        """Inserts events, a minute after the last ones."""
        with open_store(self._dsn) as client:
            for event in events:
                self._number += 1
                own = {"seq": self._number, "ingested_at": NOON + timedelta(minutes=self._number)}
                insert(client, [{**METRIC, "event_id": str(self._number), **own, **event}])

    def command(self, statement: str) -> None:
        with open_store(self._dsn) as client:
            client.command(statement)

    def status(self, *more: str) -> int:
        """Returns the exit status, and leaves the document in `found`."""
        window = ["--since", "2026-03-10", "--until", "2026-03-11", "--format", "json"]
        status = main(["reconcile", "--dsn", self._dsn, *window, *more])
        self.found = json.loads(self._read())
        return status

    def explain(self, kind: str, subject: str) -> None:
        known = ["--reason", "a test", "--dsn", self._dsn]
        assert main(["reconcile", "explain", kind, subject, *known]) == 0
        assert self._read() == f"explained {kind} {subject}\n"


@pytest.fixture
def reconciled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Reconciled:
    dsn = f"chdb://{tmp_path}/store"
    with open_store(dsn) as client:
        migrate(client)
    return Reconciled(dsn, lambda: capsys.readouterr().out)


def column(rows: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_copies_that_bill_differently_are_conflicts_also_after_a_merge(
    reconciled: Reconciled,
) -> None:
    differences: dict[str, dict[str, Any]] = {
        "quantity": {"quantity": Decimal(2)},
        "cost": {"cost": Decimal(2)},
        "unit_cost": {"unit_cost": Decimal(2)},
        "day": {"occurred_at": NOON + 24 * HOUR},
        "billability": {"is_billable": 0},
        "nothing": {},
        "what is not billed": {"occurred_at": NOON + HOUR, "metadata": "{}", "hostname": "y"},
        "another event": {"metric_type": "transcription_session", "quantity": Decimal(2)},
    }
    reconciled.insert(*({"event_id": name} for name in differences))
    reconciled.insert(*({"event_id": name, **other} for name, other in differences.items()))
    reconciled.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert reconciled.status() == 4
    subjects = column(reconciled.found["conflicts"], "subject")
    conflicts = ("billability", "cost", "day", "quantity", "unit_cost")
    assert subjects == [f"w/ekascribe/transcription_minute/{name}" for name in conflicts]


def test_an_explained_conflict_counts_again_when_one_more_copy_arrives(
    reconciled: Reconciled,
) -> None:
    reconciled.insert({"event_id": "e"}, {"event_id": "e", "quantity": Decimal(2)})
    subject = "w/ekascribe/transcription_minute/e"
    reconciled.explain("conflict", subject)
    assert reconciled.status() == 0
    assert column(reconciled.found["conflicts"], "reason") == ["a test"]
    later = {"ingested_at": NOON.replace(year=2100), "quantity": Decimal(3)}
    reconciled.insert({"event_id": "e", **later})
    assert reconciled.status() == 4


def test_explained_numbers_are_clean_and_others_are_not(reconciled: Reconciled) -> None:
    reconciled.insert({"seq": 3}, {"seq": 6}, {"seq": 10})
    reconciled.explain("missing", "x:4-9")
    assert reconciled.status() == 1
    assert column(reconciled.found["gaps"], "reason") == ["", "a test", "a test"]
    assert reconciled.found["totals"]["missing"] == 7
    assert reconciled.found["unexplained"]["missing"] == 2
    reconciled.explain("missing", "x:1-2")
    assert reconciled.status() == 0


def test_each_finding_has_an_exit_status_of_its_own(reconciled: Reconciled) -> None:
    far, past = NOON.replace(year=2027), NOON.replace(year=1970)
    start = {"boundary": "start", "session_id": "s", "quantity": Decimal(0)}
    reconciled.insert(
        {"seq": 1, "ts": far},
        {"seq": 2, "ts": past},
        {"seq": 3, "occurred_at": far},
        {"seq": 4, "occurred_at": past},
        {"seq": 5, **start, "occurred_at": NOON + HOUR},
        {"seq": 6, **start, "boundary": "end"},
        {"seq": 7, **start, "session_id": "t", "boundary": "end", "event_id": "e"},
    )
    statuses = {w: reconciled.status("--only", w) for w in WORDS}
    assert statuses == {"missing": 0, "expired": 0, "conflict": 0, "skewed": 5, "session": 6}
    assert reconciled.status() == 5
    assert column(reconciled.found["skewed"], "seq") == [1, 2, 3]
    sessions = column(reconciled.found["sessions"], "session_state")
    assert sessions == ["ends_early", "never_started"]
    reconciled.command(
        f"INSERT INTO {DATABASE}.{EXPIRED} (topic, partition, first, last) VALUES ('t', 1, 5, 9)"
    )
    assert reconciled.status() == 3
    reconciled.explain("expired", "t/1:5-9")
    reconciled.explain("skewed", "x:1-3")
    reconciled.explain("session", "w/ekascribe/transcription_minute/5")
    assert reconciled.status() == 6
    reconciled.explain("session", "w/ekascribe/transcription_minute/e")
    assert reconciled.status() == 0


@pytest.mark.parametrize("subject", ["x", "x:", ":3", "x:3-", "x:a"])
def test_a_subject_without_its_numbers_is_rejected(
    subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["reconcile", "explain", "missing", subject, "--reason", "r", "--dsn", "chdb:///no"]
    assert main(command) == 2
    assert "must be such as NAME:3-7" in capsys.readouterr().err

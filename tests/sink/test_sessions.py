"""Events that are taken back, and sessions from their boundaries, count as documented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.sink.events import NOON, insert

METRIC = {"product": "ekascribe", "metric_type": "transcription_minute"}
DAY = timedelta(days=1)
Row = Sequence[Any]


class Workspace:
    """A workspace of its own in a store that all tests here share."""

    def __init__(self, store: Client, name: str) -> None:
        self._store = store
        self._name = name

    def insert(self, events: Iterable[Mapping[str, Any]]) -> None:
        insert(self._store, ({"workspace_id": self._name, **event} for event in events))

    def query(self, what: str, view: str = "usage", rest: str = "ORDER BY 1") -> list[Row]:
        query = f"SELECT {what} FROM {DATABASE}.{view} WHERE workspace_id = {{name:String}} {rest}"
        return list(self._store.query(query, {"name": self._name}).result_rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('store')}/store") as client:
        migrate(client)
        yield client


@pytest.fixture
def workspace(store: Client, request: pytest.FixtureRequest) -> Workspace:
    return Workspace(store, request.node.name)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def boundary(kind: str, after: float, session: str = "s", **others: Any) -> dict[str, Any]:
    """Returns a boundary some minutes after noon."""
    time = NOON + minutes(after)
    event_id = others.pop("event_id", f"{session}:{kind}@{after}")
    own = {"event_id": event_id, "boundary": kind, "session_id": session, "quantity": Decimal(0)}
    return {**METRIC, **own, "occurred_at": time, "ts": time, **others}


def void(target: str, by: str, **others: Any) -> dict[str, Any]:
    own = {"event_id": by, "voids": target, "status": "void", "is_billable": 0}
    return {**METRIC, **own, "quantity": Decimal(0), **others}


def used(event_id: str = "e", **others: Any) -> dict[str, Any]:
    return {**METRIC, "event_id": event_id, "quantity": Decimal(5), **others}


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([used(), void("e", "v")], []),
        ([void("e", "v"), used()], []),
        ([used(), void("e", "v", occurred_at=NOON + 40 * DAY)], []),
        ([used(), used(), void("e", "v"), void("e", "v")], []),
        ([used(), void("e", "v"), void("v", "v2")], [("e", 5)]),
        ([used(), void("e", "v"), void("v", "v2"), void("e", "v3")], []),
        ([used(), void("e", "v"), void("v", "v2"), void("v2", "v3")], [("e", 5)]),
        ([used(), void("other", "v")], [("e", 5)]),
        ([used(), void("e", "v", metric_type="transcription_session")], [("e", 5)]),
        ([used(), void("e", "v", workspace_id="x")], [("e", 5)]),
    ],
    ids=[
        "taken back",
        "before it arrives",
        "in another month",
        "copies",
        "restored",
        "taken back anew",
        "no third level",
        "an unknown id",
        "another metric type",
        "another workspace",
    ],
)
def test_an_event_is_taken_back_by_its_identity(
    events: Sequence[Mapping[str, Any]], left: list[Row], workspace: Workspace
) -> None:
    for event in events:
        workspace.insert([event])
    assert workspace.query("event_id, quantity") == left


def test_events_that_are_taken_back_stay_visible_with_the_reason(workspace: Workspace) -> None:
    workspace.insert([used(), void("e", "v", metadata='{"reason":"counted twice"}')])
    voided = workspace.query("event_id, voided_by, reason", "usage_voided")
    assert voided == [("e", "v", "counted twice")]
    assert workspace.query("event_id", "usage_received") == [("e",), ("v",)]


@pytest.mark.parametrize(
    ("events", "quantity", "state"),
    [
        ([boundary("start", 0), boundary("end", 12.5)], "12.5", "ended"),
        ([boundary("start", 0), boundary("start", 4), boundary("end", 10)], "10", "ended"),
        ([boundary("start", 0), boundary("end", 10), boundary("end", 20)], "10", "ended"),
        ([boundary("start", 10), boundary("end", 5)], "0", "ends_early"),
        ([boundary("start", 0), boundary("beat", 20), boundary("beat", 45)], "75", "timed_out"),
        ([boundary("beat", -60), boundary("start", 0)], "30", "timed_out"),
        ([boundary("start", 0), boundary("end", 600)], "600", "ended"),
        ([boundary("start", 0), boundary("end", 1), void("s:end@1", "v")], "30", "timed_out"),
        ([boundary("start", 0), boundary("end", 1 / 7)], "0.142850000000", "ended"),
        (
            [boundary("start", 0, metric_type="transcription_session"),
             boundary("end", 9, metric_type="transcription_session")],
            "0", "without_unit",
        ),
    ],
    ids=[
        "start and end",
        "two starts: the first",
        "two ends: the first",
        "an end before the start",
        "no end: the timeout after the last beat",
        "a beat before the start",
        "an end long after the timeout",
        "an end taken back",
        "part of a minute",
        "no unit of time",
    ],
)  # fmt: skip
def test_a_session_is_one_row_at_its_first_start(
    events: Sequence[Mapping[str, Any]], quantity: str, state: str, workspace: Workspace
) -> None:
    for event in reversed(events):
        workspace.insert([event])
    assert workspace.query("session_state, quantity, boundary") == [
        (state, Decimal(quantity), "start")
    ]


@pytest.mark.parametrize(
    "events",
    [
        [boundary("end", 5)],
        [boundary("beat", 5)],
        [boundary("start", 0), boundary("end", 5), void("s:start@0", "v")],
    ],
    ids=["an end without a start", "a beat without a start", "the start taken back"],
)
def test_a_session_without_a_start_is_no_usage(
    events: Sequence[Mapping[str, Any]], workspace: Workspace
) -> None:
    workspace.insert(events)
    assert workspace.query("event_id") == []
    assert workspace.query("session_state", "usage_sessions") == [("never_started",)]


def test_a_session_belongs_to_the_month_in_which_it_started(workspace: Workspace) -> None:
    midnight = NOON.replace(month=3, day=31, hour=18, minute=30)  # in Kolkata
    workspace.insert(
        [
            boundary("start", 0, occurred_at=midnight - minutes(10)),
            boundary("end", 1, occurred_at=midnight + minutes(20)),
        ],
    )
    by_month = workspace.query("toString(month), quantity", "usage_by_month")
    assert by_month == [("2026-03-01", 30)]


def test_without_session_ids_the_first_start_gets_the_first_end(workspace: Workspace) -> None:
    workspace.insert(
        [
            boundary("end", -1, ""),
            boundary("start", 0, "", event_id="a"),
            boundary("start", 2, "", event_id="b"),
            boundary("end", 10, ""),
            boundary("end", 20, ""),
            boundary("end", 21, ""),
            boundary("start", 30, "", event_id="c"),
            boundary("end", 31, ""),
        ],
    )
    assert workspace.query("event_id, quantity") == [("a", 10), ("b", 18), ("c", 1)]
    states = workspace.query("session_state, count()", "usage_sessions", "GROUP BY 1 ORDER BY 1")
    assert states == [("ended", 3), ("never_started", 2)]


def test_a_session_is_billed_as_its_end_says(workspace: Workspace) -> None:
    end = boundary("end", 5, status="error", is_billable=0, cost=Decimal("0.3"))
    workspace.insert([boundary("start", 0, cost=None), end])
    what = "status, is_billable, quantity, cost"
    assert workspace.query(what) == [("error", 0, 5, Decimal("0.3"))]

"""Answers about usage equal a slow computation over a random history.

USAGE_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, TABLE, TIME_ZONE
from infra.sink.errors import SinkError, UsageError
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.usage import sql
from infra.sink.usage.answer import ask
from infra.sink.usage.events import Cursor, EventQuery, list_events
from infra.sink.usage.query import Dimension, Filter, Period, Query
from infra.sink.zones import workspaces
from tests.sink import expected_lines
from tests.sink.events import NOON, insert
from tests.sink.expected_usage import Event, Identity, identity
from tests.sink.test_histories import History

_METRICS = {
    "api_call": ("api", "sum"),
    "transcription_minute": ("ekascribe", "sum"),
    "tool_call": ("agent", "max"),
    "chat_session": ("agent", "last"),
    "sms": ("comms", "count"),
}
_AGGREGATIONS = {name: how for name, (_, how) in _METRICS.items()}
_METADATA: tuple[dict[str, Any], ...] = (
    {},
    {"region": "eu"},
    {"region": "=cmd|' /C calc'!A0", "a.b": 1},
    {"region": None, 'quo"te\\': True},
    {"region": 7, "model": "in metadata"},
    {"é😀": -1.5, "a.b": "1"},
    {"a": {"b": [1, False]}, "": "nameless"},
)
_KEYS = ("region", "a.b", 'quo"te\\', "model", "é😀", "a", "", "absent", "' OR 1 = 1 --")
# Berlin's clocks are changed at 01:00 UTC.
_CHANGES = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))
_ZONES = {"w1": "Asia/Kolkata", "w2": "Europe/Berlin", "w3": "America/St_Johns"}
WORKSPACES = 12
# Whose events arrive while others are listed.
_LATE = "late"


@dataclass(frozen=True)
class Stored:
    """A store, the events in it as they arrived, and when sessions were looked at."""

    dsn: str
    arrived: Sequence[Event]
    now: datetime


def zone_of(event: Event) -> str:
    return _ZONES.get(event["workspace_id"], TIME_ZONE)


def events(chance: random.Random, now: datetime) -> Iterator[dict[str, Any]]:
    """Yields events of some workspaces, with copies, voids and sessions, in every dimension."""
    for number in range(WORKSPACES * 6):
        for event in History(f"w{number % WORKSPACES}", chance, now).events():
            if not event["boundary"] and chance.random() < 0.6:
                event["metric_type"] = chance.choice(list(_METRICS))
                event["product"] = _METRICS[event["metric_type"]][0]
            if not event["boundary"] and event["cost"] is None:
                event["unit_cost"] = chance.choice((None, Decimal("0.000000000007"), Decimal(3)))
            if chance.random() < 0.4 and event["occurred_at"] < now:
                minutes = timedelta(minutes=chance.randrange(-60 * 26, 60 * 26))
                event["occurred_at"] = chance.choice(_CHANGES) + minutes
            # The histories of a workspace have events and sessions of their own.
            for name in ("event_id", "session_id", "voids"):
                event[name] = event[name] and f"{event[name]}.{number // WORKSPACES}"
            yield {
                "unit_cost": None,
                "environment": chance.choice(("production",) * 4 + ("staging",)),
                "model": chance.choice(("", "gpt-x", "o'model\\")),
                "vendor": chance.choice(("", "acme")),
                "tags": chance.choice(([], ["red"], ["red", "blue"])),
                "service_name": chance.choice(("checkout", "worker")),
                "metadata": json.dumps(chance.choice(_METADATA), ensure_ascii=False),
                **event,
            }


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A random history; each test opens the store anew."""
    seed = os.environ.get("USAGE_SEED") or str(random.randrange(2**32))
    print(f"USAGE_SEED={seed}")
    chance, now = random.Random(seed), datetime.now(UTC).replace(microsecond=0)
    dsn = f"chdb://{tmp_path_factory.mktemp('usage')}/store"
    arrived = [{**event, "seq": seq} for seq, event in enumerate(events(chance, now), 1)]
    with open_store(dsn) as client:
        migrate(client)
        for workspace, zone in _ZONES.items():
            workspaces.change(client, workspace, zone, date(2020, 1, 1))
        for name, (product, how) in _METRICS.items():
            client.command(
                f"ALTER TABLE {DATABASE}.catalog_releases UPDATE aggregation = '{how}'"
                f" WHERE product = '{product}' AND metric_type = '{name}'"
                " SETTINGS mutations_sync = 1"
            )
        half = len(arrived) // 2
        for number, part in enumerate((arrived[:half], arrived[half:])):
            insert(client, ({**e, "ingested_at": NOON + timedelta(days=number)} for e in part))
    return Stored(dsn, arrived, now)


YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))
_HALF_HOUR = timedelta(minutes=30)
QUERIES = [
    Query(workspaces=None, period=Period.month(date(2026, 3, 1))),
    Query(workspaces=("w1", "w2", "nobody"), period=YEAR, window="month"),
    Query(workspaces=None, period=YEAR, window="day", billable=True),
    *(
        Query(
            workspaces=None,
            period=Period(change - timedelta(hours=20), change + timedelta(hours=20) + _HALF_HOUR),
            window="hour",
        )
        for change in _CHANGES
    ),
    Query(
        workspaces=("w2",),
        period=Period(date(2026, 3, 10), datetime(2026, 3, 30, 0, 15, tzinfo=UTC)),
        group_by=(Dimension("service_name"), Dimension("environment"), Dimension("model")),
    ),
    *(
        Query(workspaces=None, period=YEAR, group_by=(Dimension("metadata", key),), billable=False)
        for key in _KEYS
    ),
    Query(
        workspaces=None,
        period=YEAR,
        group_by=(Dimension("vendor"), Dimension("model"), Dimension("metadata", "model")),
        where=Filter.parse(["model=o'model\\", "model=", "vendor=acme"]),
    ),
    Query(workspaces=None, period=YEAR, where=Filter.parse(["tags=blue", "metadata.a.b=1"])),
    Query(workspaces=None, period=YEAR, where=Filter.parse(["tags=", "metadata.region="])),
    Query(
        workspaces=None,
        period=YEAR,
        where=Filter.parse(["product=agent", "metric_type=chat_session"]),
    ),
    Query(workspaces=None, period=YEAR, where=Filter.parse(["metadata.' OR 1=1 --=x"])),
]


def answered(client: Client, query: Query) -> list[dict[str, Any]]:
    """Returns the lines, without what the catalog alone decides."""
    rows = ask(client, query).rows
    return [
        {name: row[name] for name in row if name not in {"title", "unit", "unit_title"}}
        for row in rows
        if row["workspace_id"] != _LATE
    ]


def test_lines_equal_a_computation_event_by_event(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = expected_lines.rows(stored.arrived, stored.now, zone_of, _AGGREGATIONS)
    with open_store(stored.dsn) as client:
        for query in QUERIES:
            assert answered(client, query) == expected_lines.lines(usage, query, _AGGREGATIONS)
        client.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
        # Groups that do not fit into memory are on disk.
        monkeypatch.setitem(sql.SETTINGS, "max_bytes_before_external_group_by", 1)
        for query in QUERIES[:3]:
            assert answered(client, query) == expected_lines.lines(usage, query, _AGGREGATIONS)
        monkeypatch.setitem(sql.SETTINGS, "max_memory_usage", 1)
        with pytest.raises(SinkError, match="needs more memory than a query may take"):
            ask(client, QUERIES[0])


def test_the_list_of_events_has_each_once_as_it_came_with_what_became_of_it(
    stored: Stored,
) -> None:
    first: dict[Identity, Event] = {}
    for event in stored.arrived:
        first.setdefault(identity(event), event)
    usage = expected_lines.rows(stored.arrived, stored.now, zone_of, _AGGREGATIONS)
    costs = {identity(row.event): row.cost for row in usage}
    everything = EventQuery(workspaces=None, limit=7)
    with open_store(stored.dsn) as client:
        listed = []
        page = list_events(client, everything)
        while page.next is not None:
            listed += page.rows
            # What arrives meanwhile moves nothing, wherever it belongs.
            late = {"workspace_id": _LATE, "event_id": str(len(listed)), "seq": 1}
            time = NOON + timedelta(days=len(listed) % 90 - 45)
            insert(client, [{**late, "ts": time, "occurred_at": time}])
            page = list_events(client, replace(everything, after=Cursor.parse(str(page.next))))
        listed += page.rows
        some = EventQuery(
            workspaces=("w1", "w2"),
            start=NOON,
            end=NOON + timedelta(days=40),
            where=Filter.parse(["model=gpt-x", "status=ok", "status=void"]),
            newest_first=True,
            limit=1000,
        )
        chosen = list_events(client, some).rows
        assert list_events(client, EventQuery(workspaces=None, event="none")).rows == []
    found = {identity(row): row for row in listed if row["workspace_id"] != _LATE}
    assert found.keys() == first.keys()
    assert len({identity(row) for row in listed}) == len(listed)
    order = [(row["occurred_at"], identity(row)) for row in listed]
    assert order == sorted(order)
    for key, row in found.items():
        told = {name: row[name] for name in first[key]}
        assert told == first[key]
        assert row["effective_cost"] == costs.get(key, 0)
        if row["voided_by"]:
            assert first[(*key[:3], row["voided_by"])]["voids"] == key[3]
        elif row["status"] != "void" and not row["boundary"]:
            assert key in costs
    assert [identity(row) for row in chosen] == [
        identity(e)
        for e in sorted(first.values(), key=lambda e: (e["occurred_at"], identity(e)), reverse=True)
        if e["workspace_id"] in {"w1", "w2"}
        and NOON <= e["occurred_at"] < NOON + timedelta(days=40)
        and e["model"] == "gpt-x"
        and e["status"] in {"ok", "void"}
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "é", "W10", "eyJhIjoxfQ", "WzEsMiwzLDQsNV0", "WzFlOTk5LCIiLCIiLCIiLCIiXQ"]
)
def test_a_malformed_cursor_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="malformed cursor"):
        Cursor.parse(text)

"""The view `usage` equals a slow computation over random histories: copies, voids, sessions.

USAGE_HISTORIES=10000 makes it judge that many, and USAGE_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, TABLE
from tests.sink.events import NOON, insert
from tests.sink.expected_usage import Identity, expected_usage

HISTORIES = int(os.environ.get("USAGE_HISTORIES", "400"))
_METRICS = (("ekascribe", "transcription_minute"), ("api", "api_call"))
_MINUTE = timedelta(minutes=1)
_INSERTS = 4


class History:
    """Random events of one workspace: few ids, sessions and times, so that they often coincide."""

    def __init__(self, workspace: str, chance: random.Random, now: datetime) -> None:
        self._workspace = workspace
        self._chance = chance
        self._now = now

    def events(self) -> Iterator[dict[str, Any]]:
        """Yields the events, most of them once, in an order that means nothing."""
        made = [self._event() for _ in range(self._chance.randint(1, 14))]
        for _ in range(self._chance.randint(0, 4)):
            copy = dict(self._chance.choice(made))
            if self._chance.random() < 0.3:
                copy |= {"occurred_at": self._time(), "quantity": Decimal(9)}
            made.append(copy)
        self._chance.shuffle(made)
        yield from made

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        product, metric_type = chance.choices(_METRICS, (9, 1))[0]
        occurred_at = self._time()
        event: dict[str, Any] = {
            "workspace_id": self._workspace,
            "product": product,
            "metric_type": metric_type,
            "event_id": f"{chance.choice('abcdefgh')}{chance.choice('12')}",
            "status": "ok",
            "is_billable": chance.choice((0, 1)),
            "quantity": Decimal(chance.randint(1, 5)),
            "cost": chance.choice((None, None, Decimal("0.01"))),
            "occurred_at": occurred_at,
            "ts": occurred_at + chance.choice((0, 1)) * _MINUTE,
            "session_id": "",
            "boundary": "",
            "voids": "",
        }
        kind = chance.random()
        if kind < 0.25:
            target = f"{chance.choice('abcdefgh')}{chance.choice('12')}"
            event |= {"status": "void", "is_billable": 0, "voids": target, "quantity": Decimal(0)}
        elif kind < 0.8:
            event |= {
                "boundary": chance.choices(("start", "beat", "end"), (3, 1, 2))[0],
                "session_id": chance.choice(("", "", "s1", "s2")),
                "quantity": Decimal(0),
            }
        return event

    def _time(self) -> datetime:
        chance = self._chance
        if chance.random() < 0.1:
            # With the timeout, either some time ago or some time ahead.
            return self._now - chance.choice((10, 20, 45, 55)) * _MINUTE
        days = chance.choice((0, 0, 0, 0, 1, 25, -40))
        return NOON + timedelta(days=days, milliseconds=chance.choice((0, 1, 30, 1234)) * 4321)


def test_usage_equals_a_computation_event_by_event(store: Client) -> None:
    seed = os.environ.get("USAGE_SEED") or str(random.randrange(2**32))
    print(f"USAGE_SEED={seed}")
    chance = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    arrived: list[list[dict[str, Any]]] = [[] for _ in range(_INSERTS)]
    for number in range(HISTORIES):
        for event in History(f"w{number}", chance, now).events():
            chance.choice(arrived).append(event)
    for number, events in enumerate(arrived):
        insert(store, ({**e, "ingested_at": NOON + number * _MINUTE} for e in events))
    # As of each insert, the rows of later ones do not count, and it is then.
    for number in range(_INSERTS):
        then = NOON + number * _MINUTE
        known = (e for events in arrived[: number + 1] for e in events)
        assert usage(store, then) == expected_usage(known, then)
    expected = expected_usage((e for events in arrived for e in events), now)
    assert usage(store) == expected
    store.command(f"OPTIMIZE TABLE {DATABASE}.{TABLE} FINAL")
    assert usage(store) == expected


def usage(store: Client, as_of: datetime | None = None) -> dict[Identity, Any]:
    view = "usage" if as_of is None else f"usage_as_of(as_of='{as_of:%F %T}')"
    rows = store.query(
        "SELECT workspace_id, product, metric_type, event_id,"
        f" quantity, is_billable, cost, session_state FROM {DATABASE}.{view}"
    ).result_rows
    found: dict[Identity, Any] = {row[:4]: row[4:] for row in map(tuple, rows)}
    assert len(found) == len(rows)
    return found

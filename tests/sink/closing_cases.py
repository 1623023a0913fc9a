"""The cases of closing a month: what happens in a workspace before it is closed, and after."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, TABLE
from infra.sink.closing import changes, printing
from infra.sink.closing.make import Terms, make, verify
from tests.sink.events import NOON, insert

CALL = {"product": "api", "metric_type": "api_call", "unit_cost": Decimal("0.5")}
MINUTES = {"product": "ekascribe", "metric_type": "transcription_minute", "cost": Decimal(7)}
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
TERMS = Terms("UTC", "INR")
VALUES = ("month", "kind", "events", "quantity", "cost")
MOST = Decimal("999999999999999999.999999999999")
_names = itertools.count(1)
_numbers = itertools.count(1)


def update(client: Client, table: str, what: str, where: str) -> None:
    """Changes rows, as no command does."""
    how = f"UPDATE {what} WHERE {where} SETTINGS mutations_sync = 1"
    client.command(f"ALTER TABLE {DATABASE}.{table} {how}")


def delete(client: Client, table: str, where: str) -> None:
    """Deletes rows, as no command does."""
    client.command(f"ALTER TABLE {DATABASE}.{table} DELETE WHERE {where} SETTINGS mutations_sync=1")


class Workspace:
    """A workspace of its own in a store, and what is billed for it."""

    def __init__(self, client: Client, name: str | None = None) -> None:
        self.client = client
        self.name = name or f"w{next(_names)}"

    def event(self, event_id: str, **fields: Any) -> dict[str, Any]:
        return {
            **CALL,
            "workspace_id": self.name,
            "event_id": event_id,
            "instance_id": self.name,
            "seq": next(_numbers),
            **fields,
        }

    def add(self, event_id: str, quantity: object = 1, **fields: Any) -> None:
        """Stores an event."""
        insert(self.client, [self.event(event_id, quantity=Decimal(str(quantity)), **fields)])

    def void(self, void_id: str, event_id: str, **fields: Any) -> None:
        """Stores what takes an event back."""
        reason = '{"reason":"a mistake"}'
        void = {"status": "void", "is_billable": 0, "voids": event_id, "metadata": reason}
        self.add(void_id, 0, **{**void, **fields})

    def lines(self, month: date) -> list[Mapping[str, Any]]:
        """Closes a month, and returns the lines."""
        closes = make(self.client, month, [self.name], TERMS)
        for close in closes:
            verify(self.client, close)
        return list(printing.lines(self.client, closes, month, [self.name]))

    def close(self, month: date) -> list[tuple[Any, ...]]:
        """Closes a month, and returns what its lines add up to."""
        return [tuple(row[name] for name in VALUES) for row in self.lines(month)]

    def pending(self, month: date) -> Pending:
        """Returns what a closed month lacks."""
        return pending(self.client, month, [self.name]).get(self.name, Pending([], []))


class Pending(NamedTuple):
    """The reasons and the lines of what a closed month lacks."""

    events: list[tuple[Any, ...]]
    lines: list[tuple[Any, ...]]


NOTHING = Pending([], [])


def pending(client: Client, month: date, names: Sequence[str]) -> dict[str, Pending]:
    """Returns what a closed month lacks, by workspace."""
    where, values = changes.closed_month(tuple(names)), {"month": month, "scope": names}
    found: dict[str, Pending] = {}

    def rows(query: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for workspace, *rest in client.query(f"{query} ORDER BY ALL", values).result_rows:
            yield str(workspace), tuple(rest)

    events = "SELECT workspace_id, event_id, reason, because FROM"
    for name, row in rows(f"{events} ({changes.changed_events(where)})"):
        found.setdefault(name, Pending([], [])).events.append(row)
    lines = "SELECT workspace_id, events, quantity, cost FROM"
    for name, row in rows(f"{lines} ({changes.changed_lines(where)})"):
        found.setdefault(name, Pending([], [])).lines.append(row)
    return found


class Case(Workspace):
    """A workspace with usage in March, and with what happens after March is closed.

    What is billed for March and then for April, and what March lacks in between, is set by
    `cases`, which closes the months of all of them.
    """

    first: list[tuple[Any, ...]]
    lacking: Pending
    second: list[tuple[Any, ...]]

    def before(self) -> None:
        """Stores the usage."""
        self.add("1", 2)

    def after(self) -> None:
        """Stores what happens later."""


class Late(Case):
    def after(self) -> None:
        self.add("late", 3, ingested_at=datetime(2026, 4, 7, 8, tzinfo=UTC))
        self.add("april", 10, occurred_at=NOON + timedelta(days=30))


class Voided(Case):
    def before(self) -> None:
        self.add("1", 2)
        self.add("2", 4)

    def after(self) -> None:
        self.void("v1", "2")


class Restored(Case):
    """What was taken back before March was closed."""

    def before(self) -> None:
        self.add("1", 2)
        self.void("v1", "1")

    def after(self) -> None:
        self.void("v2", "v1")


class Passing(Case):
    """What comes and goes between two closes."""

    def after(self) -> None:
        self.add("late", 3)
        self.void("v1", "late")


class Conflicting(Case):
    """Another copy counts after a restore that lost the first."""

    def after(self) -> None:
        delete(self.client, TABLE, f"workspace_id = '{self.name}'")
        self.add("1", 3)


class Removed(Case):
    def after(self) -> None:
        delete(self.client, TABLE, f"workspace_id = '{self.name}'")


class Rewound(Case):
    """All events once more, also after a restore that lost them."""

    def before(self) -> None:
        self.stored = [self.event(str(n), quantity=Decimal(n)) for n in range(1, 20)]
        taken_back = {"status": "void", "voids": "3", "is_billable": 0, "quantity": Decimal(0)}
        self.stored.append(self.event("v", **taken_back))
        insert(self.client, self.stored)

    def after(self) -> None:
        self.again()
        delete(self.client, TABLE, f"workspace_id = '{self.name}'")
        self.again()

    def again(self) -> None:
        later = {"ingested_at": NOON + timedelta(days=60)}
        insert(self.client, [{**each, **later} for each in self.stored])


class Largest(Case):
    def before(self) -> None:
        for n in range(1, 4):
            self.add(str(n), MOST, unit_cost=MOST)

    def after(self) -> None:
        self.void("v", "1")


class Unpriced(Case):
    def before(self) -> None:
        self.add("1", 2, unit_cost=None)

    def after(self) -> None:
        self.add("2", 3, unit_cost=None)


class Staging(Case):
    def before(self) -> None:
        self.add("1", 5, environment="staging", is_billable=0)
        self.add("2", 3)
        self.add("3", 7, environment="staging", is_billable=1)

    def after(self) -> None:
        self.add("4", 9, environment="staging", is_billable=1)


class WholeLine(Case):
    """Metric types of which a line is not the sum."""

    metrics = MappingProxyType({"email": "last", "sms": "max", "whatsapp": "count"})

    def before(self) -> None:
        for metric_type, how in self.metrics.items():
            where = f"product = 'comms' AND metric_type = '{metric_type}'"
            update(self.client, "catalog_releases", f"aggregation = '{how}'", where)
            self.add("1", 5, product="comms", metric_type=metric_type)

    def after(self) -> None:
        for metric_type in self.metrics:
            later = {"occurred_at": NOON + timedelta(hours=1)}
            self.add("2", 9, product="comms", metric_type=metric_type, **later)
        # This one does not change the line.
        self.add("3", 1, product="comms", metric_type="sms")


class Level(Case):
    """A level that a late event ends a day earlier."""

    call = MappingProxyType({"product": "agent", "metric_type": "credit_consumed", "vendor": "v"})

    def before(self) -> None:
        how = "aggregation = 'time_weighted', series = 'vendor', total_seconds = 3600"
        update(self.client, "catalog_releases", how, "metric_type = 'credit_consumed'")
        self.add("begins", 2, **self.call)
        self.add("ends", 0, **self.call, occurred_at=NOON + timedelta(days=2))

    def after(self) -> None:
        self.add("earlier", 0, **self.call, occurred_at=NOON + timedelta(days=1))


class DifferentValues(Case):
    """Values of which one loses the event that it was paid for."""

    call = MappingProxyType({"product": "agent", "metric_type": "chat_session"})

    def before(self) -> None:
        how = "aggregation = 'unique', unique_of = 'vendor'"
        update(self.client, "catalog_releases", how, "metric_type = 'chat_session'")
        self.add("1", 7, **self.call, vendor="x")
        self.add("2", 7, **self.call, vendor="x", unit_cost=Decimal(2))
        self.add("3", 7, **self.call, vendor="y")

    def after(self) -> None:
        self.void("v", "1", **self.call)


class Undeclared(Case):
    """What the catalog lacks until a later release."""

    def before(self) -> None:
        self.add("1", 5, metric_type="unknown_thing")

    def after(self) -> None:
        self.client.command(
            f"INSERT INTO {DATABASE}.catalog_releases"
            " (product, metric_type, _order, release, title, unit, unit_title, aggregation)"
            " VALUES ('api', 'unknown_thing', 3000000, '0.3.0', 'Things', 'call', 'calls', 'sum')"
        )


class Renamed(Case):
    """A metric type with another title, which is removed then."""

    def before(self) -> None:
        self.add("1", 5, product="abdm", metric_type="abha")

    def after(self) -> None:
        for table in ("catalog_metrics", "catalog_releases"):
            update(self.client, table, "title = 'Renamed'", "metric_type = 'abha'")
        delete(self.client, "catalog_metrics", "metric_type = 'abha'")

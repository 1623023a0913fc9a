"""A closed month stays what it was, and what changes later is billed once, with its reason.

Closing takes as long for one workspace as for many, so most cases are closed together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import CLOSE_LINES, DATABASE, TABLE
from infra.sink.closing import changes, ledger, printing
from infra.sink.closing.make import Terms, make, verify
from infra.sink.errors import SinkError
from infra.sink.store import open_store
from tests.sink.events import NOON, insert
from tests.sink.stores import make_store

CALL = {"product": "api", "metric_type": "api_call", "unit_cost": Decimal("0.5")}
MINUTES = {"product": "ekascribe", "metric_type": "transcription_minute", "cost": Decimal(7)}
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
TERMS = Terms("UTC", "INR")
VALUES = ("month", "kind", "events", "quantity", "cost")
MOST = Decimal("999999999999999999.999999999999")
_names = itertools.count(1)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One store for the tests that close workspaces of their own."""
    folder = tmp_path_factory.mktemp("closing") / "store"
    make_store(folder)
    with open_store(f"chdb://{folder}") as client:
        client.set_client_setting("max_threads", 1)  # there are few rows
        yield client


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


@pytest.fixture(scope="module")
def cases(shared: Client) -> Mapping[str, Any]:
    """Closes March and April of all cases, by the names of their classes."""
    made = [case(shared) for case in Case.__subclasses__()]
    names = [case.name for case in made]

    def close(month: date) -> dict[str, list[tuple[Any, ...]]]:
        closes = make(shared, month, names, TERMS)
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
        for close in closes:
            verify(shared, close)
        for row in printing.lines(shared, closes, month, names):
            rows[row["workspace_id"]].append(tuple(row[name] for name in VALUES))
        return rows

    for case in made:
        case.before()
    first = close(MARCH)
    assert pending(shared, MARCH, names) == {}
    for case in made:
        case.after()
    lacking, second = pending(shared, MARCH, names), close(APRIL)
    assert pending(shared, MARCH, names) == {}
    assert not any(close(MAY).values())
    assert close(MARCH) == first
    for case in made:
        case.first, case.second = first[case.name], second[case.name]
        case.lacking = lacking.get(case.name, NOTHING)
    return {type(case).__name__: case for case in made}


def test_a_late_event_is_billed_by_the_next_close_and_never_again(cases: Any) -> None:
    case = cases["Late"]
    assert case.first == [("2026-03", "usage", 1, 2, 1)]
    late = ("late", "late", "arrived 2026-04-07 08:00:00.000 UTC")
    assert case.lacking == ([late], [(1, 3, Decimal("1.5"))])
    assert case.second == [
        ("2026-04", "usage", 1, 10, 5),
        ("2026-03", "adjustment", 1, 3, Decimal("1.5")),
    ]


def test_what_is_taken_back_later_is_a_negative_line(cases: Any) -> None:
    case = cases["Voided"]
    assert case.first == [("2026-03", "usage", 2, 6, 3)]
    assert case.lacking == ([("2", "voided", "v1: a mistake")], [(-1, -4, -2)])
    assert case.second == [("2026-03", "adjustment", -1, -4, -2)]


def test_what_is_restored_is_a_line_again(cases: Any) -> None:
    case = cases["Restored"]
    assert case.first == []
    [event] = case.lacking.events
    assert event[:2] == ("1", "restored")
    assert case.second == [("2026-03", "adjustment", 1, 2, 1)]


def test_what_is_taken_back_is_billed_once_more_when_it_is_restored(cases: Any) -> None:
    case = cases["Voided"]
    case.void("v2", "v1")
    [event] = case.pending(MARCH).events
    assert event[:2] == ("2", "restored")
    assert case.close(date(2026, 6, 1)) == [("2026-03", "adjustment", 1, 4, 2)]
    assert case.pending(MARCH) == NOTHING


def test_what_comes_and_goes_between_two_closes_is_no_adjustment(cases: Any) -> None:
    case = cases["Passing"]
    assert (case.lacking, case.second) == (NOTHING, [])


def test_another_copy_that_counts_after_a_restore_is_a_conflict(cases: Any) -> None:
    case = cases["Conflicting"]
    conflict = ("1", "conflict", "2 → 3")
    assert case.lacking == ([conflict], [(0, 1, Decimal("0.5"))])
    assert case.second == [("2026-03", "adjustment", 0, 1, Decimal("0.5"))]


def test_what_the_store_has_no_longer_is_removed(cases: Any) -> None:
    case = cases["Removed"]
    assert case.lacking == ([("1", "removed", "")], [(-1, -2, -1)])


def test_restore_and_rewind_adjusts_nothing(cases: Any) -> None:
    case = cases["Rewound"]
    assert [line[2:4] for line in case.first] == [(18, 187)]
    assert (case.lacking, case.second) == (NOTHING, [])


def test_every_digit_of_a_sum_of_the_largest_amounts_is_kept(cases: Any) -> None:
    case = cases["Largest"]
    with localcontext(prec=76):
        square = MOST * MOST
        assert case.first == [("2026-03", "usage", 3, MOST * 3, square * 3)]
        gone = (MOST.copy_negate(), square.copy_negate())
    assert case.second == [("2026-03", "adjustment", -1, *gone)]


def test_an_event_without_a_cost_changes_no_cost(cases: Any) -> None:
    case = cases["Unpriced"]
    assert case.first == [("2026-03", "usage", 1, 2, None)]
    assert case.second == [("2026-03", "adjustment", 1, 3, None)]


def test_what_is_used_elsewhere_than_in_production_is_not_billable(cases: Any) -> None:
    case = cases["Staging"]
    assert [row["is_billable"] for row in case.lines(MARCH)] == [1, 0]
    assert [line[2:4] for line in case.first] == [(1, 3), (2, 12)]
    assert [row["is_billable"] for row in case.lines(APRIL)] == [0]


def test_an_adjustment_is_the_difference_of_the_whole_line(cases: Any) -> None:
    case = cases["WholeLine"]
    assert [line[2:4] for line in case.second] == [(1, 4), (2, 4), (1, 1)]
    assert sorted(event[0] for event in case.lacking.events) == ["2", "2", "2", "3"]


def test_a_level_that_ends_earlier_is_an_adjustment_of_the_time_that_it_held(cases: Any) -> None:
    case = cases["Level"]
    assert case.first == [("2026-03", "usage", 2, 96, 48)]
    assert [event[:2] for event in case.lacking.events] == [
        ("begins", "level"),
        ("earlier", "late"),
    ]
    assert case.second == [("2026-03", "adjustment", 1, -48, -24)]


def test_a_value_is_paid_for_once_by_the_first_event_that_is_left(cases: Any) -> None:
    case = cases["DifferentValues"]
    assert case.first == [("2026-03", "usage", 3, 2, 1)]
    assert case.second == [("2026-03", "adjustment", -1, 0, Decimal("1.5"))]


def test_an_event_that_the_catalog_lacks_is_closed_without_a_quantity(cases: Any) -> None:
    case = cases["Undeclared"]
    assert case.first == [("2026-03", "usage", 1, None, None)]
    assert case.lacking.events == [("1", "release", "undeclared → sum of call")]
    assert case.lacking.lines == [(-1, None, None), (1, 5, Decimal("2.5"))]
    assert len(case.second) == 2


def test_a_closed_month_keeps_its_titles_and_what_the_catalog_no_longer_has(cases: Any) -> None:
    case = cases["Renamed"]
    assert (case.lacking, case.second) == (NOTHING, [])
    assert [row["title"] for row in case.lines(MARCH)] == ["ABHA"]


def test_a_session_that_was_open_is_an_adjustment_when_it_has_ended(shared: Client) -> None:
    w = Workspace(shared)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    month = start.date().replace(day=1)
    times = {**MINUTES, "cost": None, "unit_cost": Decimal(2), "session_id": "s"}
    w.add("s", 0, **times, boundary="start", occurred_at=start)
    assert w.close(month) == [(f"{month:%Y-%m}", "usage", 1, 0, 0)]
    w.add("e", 0, **times, boundary="end", occurred_at=start + timedelta(minutes=4))
    events, lines = w.pending(month)
    assert events == [("s", "session", "open → ended")]
    assert lines == [(0, 4, 8)]
    following = (month + timedelta(days=31)).replace(day=1)
    assert w.close(following) == [(f"{month:%Y-%m}", "adjustment", 0, 4, 8)]
    assert w.pending(month) == ([], [])


def test_a_workspace_is_closed_on_its_own_and_then_all_the_others(shared: Client) -> None:
    # Months of their own, before which no other test closes any.
    january, february, march = (date(2020, month, 1) for month in (1, 2, 3))
    then = {"occurred_at": datetime(2020, 1, 5, tzinfo=UTC)}
    one, other = Workspace(shared), Workspace(shared)
    one.add("1", 1, **then)
    other.add("1", 2, **then)
    assert one.close(january) == [("2020-01", "usage", 1, 1, Decimal("0.5"))]
    one.add("2", 4, **then)
    closes = make(shared, january, [], TERMS)
    assert [close.scope for close in closes] == [(one.name,), ()]
    rows = list(printing.lines(shared, closes, january, []))
    assert sorted((row["workspace_id"], row["quantity"]) for row in rows) == [
        (one.name, 1),
        (other.name, 2),
    ]
    # Whoever has an event in a month that is closed for all is billed for it by the next close.
    new = Workspace(shared)
    new.add("1", 7, **then)
    assert make(shared, january, [new.name], TERMS) == closes[1:]
    closes = make(shared, february, [], TERMS)
    rows = list(printing.lines(shared, closes, february, []))
    assert sorted((row["workspace_id"], row["kind"], row["quantity"]) for row in rows) == [
        (one.name, "adjustment", 4),
        (new.name, "adjustment", 7),
    ]
    assert make(shared, march, [], TERMS)[0].lines == 0


def test_a_close_that_was_tampered_with_is_refused(shared: Client) -> None:
    w = Workspace(shared)
    w.add("1", 5)
    [close] = make(shared, MARCH, [w.name], TERMS)
    verify(shared, close)
    update(shared, CLOSE_LINES, "cost = 1", f"close_id = '{close.close_id}'")
    with pytest.raises(SinkError, match="is damaged"):
        verify(shared, close)


def entry(number: int, close_id: str) -> ledger.Entry:
    """A close of nothing, and of nobody."""
    return ledger.Entry(number, close_id, MAY, ("nobody",), "", "", "", "", (), 0, 0, "")


def test_a_number_whose_token_a_crash_used_up_is_skipped(shared: Client) -> None:
    w = Workspace(shared)
    w.add("1", 5)
    w.close(MARCH)
    number = ledger.read(shared)[-1].number
    # The store knows the token of the next number, and has no row of it.
    assert ledger.put(shared, entry(number + 1, "lost"))
    shared.command(f"DELETE FROM {changes.CLOSES_TABLE} WHERE close_id = 'lost'")
    assert w.close(APRIL) == []
    assert [close.number for close in ledger.read(shared)][-2:] == [number, number + 2]


def test_of_two_with_one_number_the_first_counts(shared: Client) -> None:
    Workspace(shared).close(MARCH)
    number = ledger.read(shared)[-1].number + 1
    assert ledger.put(shared, entry(number, "one"))
    assert not ledger.put(shared, entry(number, "other"))
    assert ledger.put(shared, entry(number, "one"))
    assert [c.close_id for c in ledger.read(shared) if c.number >= number] == ["one"]

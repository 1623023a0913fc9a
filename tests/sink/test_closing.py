"""A closed month stays what it was, and what changes later is billed once, with its reason.

Closing takes as long for one workspace as for many, so most cases are closed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import CLOSE_LINES, TIME_ZONE
from infra.sink.closing import changes, ledger, printing
from infra.sink.closing.make import make, verify
from infra.sink.errors import SinkError
from infra.sink.store import open_store
from tests.sink.closing_cases import (
    APRIL,
    MARCH,
    MAY,
    MINUTES,
    MOST,
    NOTHING,
    TERMS,
    VALUES,
    Case,
    Workspace,
    pending,
    update,
)
from tests.sink.stores import make_store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One store for the tests that close workspaces of their own."""
    folder = tmp_path_factory.mktemp("closing") / "store"
    make_store(folder)
    with open_store(f"chdb://{folder}") as client:
        client.set_client_setting("max_threads", 1)  # there are few rows
        yield client


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
    month = start.astimezone(ZoneInfo(TIME_ZONE)).date().replace(day=1)
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

"""Workspaces that are renamed or merged are billed once, under one name, and closed months stay.

USAGE_HISTORIES=400 makes it judge that many workspaces, and USAGE_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink import void
from infra.sink.__main__ import main
from infra.sink._generated.fields import RENAMES, TIME_ZONE
from infra.sink.closing import checks, printing
from infra.sink.closing.make import make, verify
from infra.sink.errors import SinkError
from infra.sink.renames import change, ledger
from infra.sink.renames.change import Change
from infra.sink.renames.names import Names, Rename
from infra.sink.rollup.refresh import Refresh
from infra.sink.store import open_store
from infra.sink.usage.answer import ask, latest_month
from infra.sink.usage.events import EventQuery, count_events, list_events
from infra.sink.usage.query import Period, Query
from infra.sink.zones import workspaces
from tests.sink.closing_cases import APRIL, MARCH, MAY, TERMS, VALUES, Workspace, update
from tests.sink.events import NOON, insert
from tests.sink.stores import make_store

HISTORIES = int(os.environ.get("USAGE_HISTORIES", "30"))
OLD, NEW, OTHER = "old", "new", "other"
IN_APRIL, IN_MAY = NOON + timedelta(days=30), NOON + timedelta(days=60)
NEW_YORK, PARIS = "America/New_York", "Europe/Paris"


def rename(
    store: Client, old: str, new: str, since: date | None = None, *, merge: bool = True
) -> bool:
    """Renames a workspace, and returns whether that is new."""
    asked = Change(old, new, since, "they merged", "tests", is_merge=merge)
    return change.apply(store, asked)[1]


def billed(store: Client, month: date, *names: str) -> list[tuple[Any, ...]]:
    """Returns the workspace, events, quantity and cost of the lines of a month."""
    rows = ask(store, Query(workspaces=names or None, period=Period.month(month))).rows
    return [(row["workspace_id"], row["events"], row["quantity"], row["cost"]) for row in rows]


def closed(store: Client, month: date, *names: str) -> list[tuple[Any, ...]]:
    """Closes a month, and returns its lines, each after the name of its workspace."""
    closes = make(store, month, names, TERMS)
    for close in closes:
        verify(store, close)
    found = printing.lines(store, closes, month, names)
    return [(row["workspace_id"], *(row[name] for name in VALUES)) for row in found]


def test_both_names_are_one_line_from_a_month_on(store: Client) -> None:
    for name, quantity in ((OLD, 2), (NEW, 3), (OTHER, 5)):
        for time in (NOON, IN_APRIL):
            Workspace(store, name).add(f"{time}", quantity, occurred_at=time)
    own = [(NEW, 1, 3, Decimal("1.5")), (OLD, 1, 2, 1), (OTHER, 1, 5, Decimal("2.5"))]
    assert billed(store, APRIL) == own
    assert rename(store, OLD, NEW, APRIL)
    assert billed(store, MARCH) == own
    assert billed(store, MARCH, OLD, NEW) == own[:2]
    # The same id under both names is two events: they were those of two customers.
    assert billed(store, APRIL) == [(NEW, 2, 5, Decimal("2.5")), own[2]]
    assert billed(store, APRIL, OLD) == []
    # Services that go on sending the old name, and copies, change no count.
    for _ in range(2):
        Workspace(store, OLD).add("late", 7, occurred_at=IN_APRIL)
    assert billed(store, APRIL, NEW, OLD) == [(NEW, 3, 12, 6)]
    assert (latest_month(store, NEW), latest_month(store, OLD)) == (APRIL, MARCH)
    events = EventQuery(workspaces=(NEW,))
    listed = [(row["workspace_id"], row["event_id"]) for row in list_events(store, events).rows]
    april = f"{IN_APRIL}"
    assert listed == [(NEW, f"{NOON}"), (NEW, april), (OLD, april), (OLD, "late")]
    assert count_events(store, events) == len(listed)
    assert count_events(store, EventQuery(workspaces=(OLD,))) == 3


def test_what_is_closed_stays_and_is_adjusted_under_its_name(store: Client) -> None:
    old, new = Workspace(store, OLD), Workspace(store, NEW)
    for time in (NOON, IN_APRIL):
        for workspace, quantity in ((old, 2), (new, 3)):
            workspace.add(f"{time.month}", quantity, occurred_at=time)
            workspace.add(f"{workspace.name}{time.month}", 1, occurred_at=time)
    assert closed(store, MARCH, OLD) == [(OLD, "2026-03", "usage", 2, 3, Decimal("1.5"))]
    with pytest.raises(SinkError, match=r"2026-03 is closed .*: rename from 2026-04 on"):
        rename(store, OLD, NEW, MARCH)
    assert rename(store, OLD, NEW)
    assert [each.since for each in ledger.read(store)] == [APRIL]
    # What is late for a closed month is adjusted where it was billed, and the rest is of both.
    old.add("late", 10, occurred_at=NOON)
    april = [(NEW, "2026-04", "usage", 4, 7, Decimal("3.5"))]
    assert closed(store, APRIL, NEW) == april
    # Of all workspaces, those that are closed by their new name are closed.
    Workspace(store, OTHER).add("x", 1, occurred_at=IN_APRIL)
    assert closed(store, APRIL)[-2:] == [
        (OLD, "2026-03", "adjustment", 1, 10, 5),
        (OTHER, "2026-04", "usage", 1, 1, Decimal("0.5")),
    ]
    # A month that was closed for both is adjusted under the one name.
    old.add("later", 10, occurred_at=IN_APRIL)
    old.void("v", "4", occurred_at=IN_APRIL)
    assert closed(store, MAY, NEW) == [(NEW, "2026-04", "adjustment", 0, 8, 4)]
    assert closed(store, APRIL, NEW) == april
    with pytest.raises(SinkError, match="2026-05 is closed"):
        rename(store, OLD, OTHER, MAY)


def test_a_void_under_the_other_name_is_named_before_a_month_is_closed(store: Client) -> None:
    old, new = Workspace(store, OLD), Workspace(store, NEW)
    old.add("1", occurred_at=IN_APRIL)
    for workspace in (old, new):
        workspace.add("2", occurred_at=IN_APRIL)
    # The id that both have is that of the name.
    new.void("v1", "1", occurred_at=IN_APRIL)
    new.void("v2", "2", occurred_at=IN_APRIL)
    assert rename(store, OLD, NEW, APRIL)
    [text] = [each for each in checks.missing(store, APRIL, (NEW,), None) if "voids" in each]
    assert text.startswith("1 voids take nothing back")
    run_void = "run `usage-sink void --workspace WORKSPACE --event ID --reason WHY` for each"
    assert f"such as new/api/api_call/1: {run_void}" in text


def test_a_name_leads_to_another_by_month_and_never_in_a_circle() -> None:
    def names(*renames: tuple[str, int, str]) -> Names:
        return Names(
            Rename(old, date(2026, month, 1), new, "", "", NOON) for old, month, new in renames
        )

    chain = names(("b", 5, "c"), ("a", 3, "b"))
    by_month = [chain.billed_as("a", date(2026, month, 1)) for month in (2, 3, 4, 5, 6)]
    assert by_month == ["a", "b", "b", "c", "c"]
    assert chain.recorded_as("c") == ("a", "b", "c")
    assert chain.recorded_as("b") == ("a", "b")
    assert chain.recorded_as("a") == ("a",)
    # The last one of a month counts, and its own name ends a rename.
    again = names(("a", 3, "b"), ("a", 3, "c"), ("a", 5, "a"))
    assert again.changes("a") == [(date(2026, 3, 1), "c"), (date(2026, 5, 1), "a")]
    assert names(("a", 3, "b"), ("a", 3, "a")).changes("a") == []
    # Two renames at once: the first stays.
    circle = names(("a", 3, "b"), ("b", 5, "c"), ("c", 4, "a"))
    assert circle.changes("c") == []
    assert circle.billed_as("a", MAY) == "c"


def test_lines_equal_a_computation_over_random_renames(store: Client) -> None:
    seed = os.environ.get("USAGE_SEED") or str(random.randrange(2**32))
    print(f"USAGE_SEED={seed}")
    chance = random.Random(seed)
    accounts = [f"w{number}" for number in range(HISTORIES)]
    months = [date(2026, number, 1) for number in range(1, 7)]
    # A workspace is renamed to a later one only, so that there is no circle.
    said: dict[str, dict[date, str]] = {}
    for _ in range(HISTORIES):
        number, since = chance.randrange(HISTORIES - 1), chance.choice(months)
        new = chance.choice(accounts[number:])
        said.setdefault(accounts[number], {})[since] = new
        ledger.add(store, Rename(accounts[number], since, new, "a test", "tests", NOON))

    def name(account: str, month: date) -> str:
        past = [since for since in said.get(account, ()) if since <= month]
        following = said[account][max(past)] if past else account
        return account if following == account else name(following, month)

    events, expected = [], Counter[tuple[str, date, str]]()
    for number in range(20 * HISTORIES):
        account, month = chance.choice(accounts), chance.choice(months)
        product, metric_type = chance.choice((("api", "api_call"), ("comms", "sms")))
        identity = {"workspace_id": account, "product": product, "metric_type": metric_type}
        at = datetime(2026, month.month, chance.randint(2, 27), tzinfo=UTC)
        events.append({**identity, "event_id": f"{number}", "occurred_at": at})
        expected[name(account, month), month, metric_type] += 1
    insert(store, events)
    Refresh(store).run()
    # Nothing is pending, so that the roll-ups answer.
    whole = Period(months[0], date(2026, 7, 1))
    some = tuple(chance.sample(accounts, 5))
    for asked, raw in ((None, True), (some, False)):
        query = Query(workspaces=asked, period=whole, window="month")
        rows = ask(store, query, raw=raw).rows
        found = {
            (row["workspace_id"], row["month"], row["metric_type"]): row["events"] for row in rows
        }
        assert found == {
            (billed_as, f"{month:%Y-%m}", metric_type): events
            for (billed_as, month, metric_type), events in expected.items()
            if asked is None or billed_as in asked
        }


def test_the_days_of_an_old_name_are_cut_as_those_of_the_new_one(store: Client) -> None:
    workspaces.change(store, OLD, PARIS, date(2026, 1, 1))
    workspaces.change(store, NEW, NEW_YORK, MARCH)
    assert rename(store, OLD, NEW, APRIL)
    workspaces.change(store, NEW, PARIS, MAY)
    with pytest.raises(SinkError, match="'old' is billed as 'new': set the time zone of that"):
        workspaces.change(store, OLD, "UTC", MAY)
    zones = [(each.first_month, each.time_zone) for each in workspaces.periods(store, [OLD])]
    assert zones == [(date(2026, 1, 1), PARIS), (APRIL, NEW_YORK), (MAY, PARIS)]
    # Without a zone of its own, the new one has that of the catalog.
    assert rename(store, "a", OTHER) is True
    assert workspaces.periods(store, ["a"]) == []
    workspaces.change(store, OTHER, NEW_YORK, MAY)
    assert [each.first_month for each in workspaces.periods(store, ["a"])] == [MAY]


def test_a_name_of_its_own_again_has_the_zone_of_before(store: Client) -> None:
    for name, zone, since in (("b", PARIS, MARCH), ("c", NEW_YORK, MARCH), ("d", "UTC", MARCH)):
        workspaces.change(store, name, zone, since)
    june = date(2026, 6, 1)

    def zones(name: str) -> list[str]:
        found = workspaces.calendar(store, [name])
        return [found.zone(name, month) for month in (MARCH, APRIL, MAY, june)]

    assert rename(store, "a", "b", APRIL)
    assert rename(store, "b", "c", APRIL)
    assert zones("a") == [TIME_ZONE, NEW_YORK, NEW_YORK, NEW_YORK]
    assert zones("b") == [PARIS, NEW_YORK, NEW_YORK, NEW_YORK]
    # Those that are billed as it go back with it, and the months between stay.
    assert rename(store, "b", "b", MAY)
    assert zones("b") == [PARIS, NEW_YORK, PARIS, PARIS]
    assert zones("a") == [TIME_ZONE, NEW_YORK, PARIS, PARIS]
    # As if it had never been renamed.
    assert rename(store, "a", "a", APRIL)
    assert zones("a") == [TIME_ZONE] * 4
    # A zone that it has been given since is kept, also if the command is repeated.
    assert rename(store, "b", "d", june)
    workspaces.change(store, "d", NEW_YORK, june)
    assert zones("b") == [PARIS, NEW_YORK, PARIS, NEW_YORK]
    assert rename(store, "b", "b", june)
    workspaces.change(store, "b", "UTC", june)
    assert rename(store, "b", "b", june) is False
    assert zones("b") == [PARIS, NEW_YORK, PARIS, "UTC"]


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """The DSN of a closed store with an event of each of two workspaces."""
    make_store(tmp_path / "usage")
    with open_store(f"chdb://{tmp_path}/usage") as client:
        Workspace(client, OLD).add("o")
        Workspace(client, NEW).add("n")
    return f"chdb://{tmp_path}/usage"


def run(capsys: pytest.CaptureFixture[str], *command: str, status: int = 0) -> str:
    assert main(command) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def test_commands_rename_merge_and_show(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--dsn", dsn, "--reason", "they merged", "--by", "finance", "--workspace")
    rename = ("workspace", "rename", *at)
    hint = "use `usage-sink workspace merge --workspace old --into new --reason WHY`"
    assert hint in run(capsys, *rename, OLD, "--to", NEW, status=1)
    merge = ("workspace", "merge", *at, OLD, "--into", NEW)
    assert run(capsys, *merge) == "old: billed as new in all months\n"
    again = run(capsys, *merge)
    assert again.endswith("was so already, by finance: they merged\n")
    assert "lead in a circle" in run(capsys, *rename, NEW, "--to", OLD, status=1)
    printed = run(capsys, *rename, NEW, "--to", "newest", "--from", "2026-04")
    assert printed == "new: billed as newest from 2026-04 on\n"
    show = ("workspace", "show", "--dsn", dsn)
    document: dict[str, Any] = json.loads(run(capsys, *show, "--format", "json"))
    assert [(each["workspace_id"], each["since"]) for each in document["renames"]] == [
        (OLD, ""),
        (NEW, "2026-04"),
    ]
    usage = run(capsys, "usage", "--dsn", dsn, "--workspace", OLD, "--month", "2026-03")
    assert usage == "no usage for 'old' in 2026-03: it is billed as 'new' in all months\n"
    traced = run(capsys, "trace", "--dsn", dsn, "--workspace", NEW, "--event", "o")
    assert "  billed as   new, and was recorded as old\n" in traced
    erase = ("erase", "--dsn", dsn, "--brokers", "127.0.0.1:1", "--workspace")
    assert "'old' is billed as 'new', 'newest'" in run(capsys, *erase, OLD, status=1)
    shown = run(capsys, *erase, "newest")
    assert "with new, which is billed as this one\n" in shown
    assert f"{RENAMES:24} 2 rows\n" in shown
    with open_store(dsn) as client:
        assert [each.workspace for each in void.recorded(client, "newest", "o")] == [OLD]
        assert [each.workspace for each in void.recorded(client, NEW, "n")] == [NEW]


def test_a_rename_names_the_levels_that_hold(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    level = {"product": "agent", "metric_type": "credit_consumed"}
    with open_store(dsn) as client:
        how = "aggregation = 'time_weighted', series = 'vendor', total_seconds = 3600"
        update(client, "catalog_releases", how, "metric_type = 'credit_consumed'")
        old, later = Workspace(client, OLD), NOON + timedelta(days=1)
        for number, (vendor, quantity, time) in enumerate(
            (("ended", 2, NOON), ("ended", 0, later), ("disk", 0, NOON), ("disk", 3, later))
        ):
            old.add(f"{number}", quantity, **level, vendor=vendor, occurred_at=time)
        Workspace(client, NEW).add("1", 5, **level, vendor="other")
    merge = ("workspace", "merge", "--dsn", dsn, "--reason", "sold", "--workspace", OLD)
    assert run(capsys, *merge, "--into", NEW) == (
        "old: billed as new in all months\n"
        "1 levels of 'old' are not 0, such as agent.credit_consumed of 'disk': each is billed "
        "until 0 is recorded under 'old', which a service is to do before it sends 'new'\n"
    )
    zone = ("workspace", "set", "--dsn", dsn, "--workspace", NEW)
    run(capsys, *zone, "--zone", PARIS, "--from", "2026-04")
    back = ("workspace", "rename", "--dsn", dsn, "--reason", "not sold", "--workspace", OLD)
    assert run(capsys, *back, "--to", OLD) == (
        "old: billed under its own name in all months\n"
        f"its days are cut in {TIME_ZONE} again, as before it was renamed: "
        "`usage-sink workspace set` gives it another time zone\n"
    )

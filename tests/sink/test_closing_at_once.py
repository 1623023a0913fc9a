"""Closers that are killed at any step, two at once, and events that arrive meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from infra.sink._generated.fields import CLOSE_EVENTS, CLOSE_LINES, CLOSES, DATABASE
from infra.sink.closing import ledger, printing
from infra.sink.closing.make import Terms, make
from infra.sink.store import open_store
from tests.sink.clickhouse_server import ClickHouseServer
from tests.sink.events import NOON, insert
from tests.sink.stores import make_store
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
TERMS = Terms("UTC", "")
# The steps of a close, by what its statements begin with; none of the last is done yet.
STEPS = {
    "events": f"INSERT INTO {DATABASE}.{CLOSE_EVENTS}",
    "lines": f"INSERT INTO {DATABASE}.{CLOSE_LINES}",
    "close": f"INSERT INTO `{DATABASE}`.`{CLOSES}`",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """One server for all tests, which close workspaces of their own."""
    folder = tmp_path_factory.mktemp("closing") / "server"
    make_store(folder)
    with ClickHouseServer(folder) as running:
        yield running


@pytest.fixture
def server(shared: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """A server that nothing stops yet."""
    yield shared
    shared.before = lambda _: None


def add(server: ClickHouseServer, workspace: str, event_id: str, quantity: int) -> None:
    with open_store(server.dsn) as client:
        insert(
            client,
            [
                {
                    "product": "api",
                    "metric_type": "api_call",
                    "workspace_id": workspace,
                    "event_id": event_id,
                    "quantity": Decimal(quantity),
                }
            ],
        )


def closer(server: ClickHouseServer, month: date, *workspaces: str) -> subprocess.Popen[str]:
    """Starts a process that closes a month."""
    command = [sys.executable, "-m", "tests.sink.closer", server.dsn, f"{month:%Y-%m}"]
    return subprocess.Popen([*command, *workspaces], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def printed(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


def billed(server: ClickHouseServer, month: date, workspace: str) -> list[tuple[str, Any, Any]]:
    """Closes a month, and returns the lines."""
    with open_store(server.dsn) as client:
        closes = make(client, month, [workspace], TERMS)
        rows = list(printing.lines(client, closes, month, [workspace]))
    return [(row["kind"], row["events"], row["quantity"]) for row in rows]


def when(statement: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Acts once, before the first statement that begins so."""
    left = [act]

    def before(found: str) -> None:
        if left and found.lstrip().startswith(statement):
            left.pop()()

    return before


@pytest.mark.parametrize("step", STEPS)
def test_a_closer_that_is_killed_leaves_nothing_that_counts(
    server: ClickHouseServer, step: str
) -> None:
    workspace = f"killed-{step}"
    add(server, workspace, "1", 2)
    reached, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        reached.set()
        go_on.wait(SECONDS)
        raise ConnectionResetError  # what it asks for is not done any more

    server.before = when(STEPS[step], stop)
    process = closer(server, MARCH, workspace)
    try:
        eventually(reached.is_set)
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)
        go_on.set()
    with open_store(server.dsn) as client:
        assert ledger.remaining(ledger.read(client), MARCH, [workspace]) == (workspace,)
    # What came since is billed as if nobody had tried before.
    add(server, workspace, "2", 3)
    assert billed(server, MARCH, workspace) == [("usage", 2, 5)]


def test_a_closer_that_is_killed_after_the_last_step_has_closed(server: ClickHouseServer) -> None:
    add(server, "told", "1", 2)
    reached, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        reached.set()
        go_on.wait(SECONDS)
        raise ConnectionResetError

    server.before = when("SELECT close_id FROM", stop)
    process = closer(server, MARCH, "told")
    try:
        eventually(reached.is_set)
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)
        go_on.set()
    add(server, "told", "2", 3)
    assert billed(server, MARCH, "told") == [("usage", 1, 2)]
    assert billed(server, APRIL, "told") == [("adjustment", 1, 3)]


def test_of_two_closers_at_once_one_wins_and_both_print_the_same(server: ClickHouseServer) -> None:
    add(server, "raced", "1", 2)
    both = threading.Barrier(2)

    def meet(statement: str) -> None:
        if statement.lstrip().startswith(STEPS["close"]):
            both.wait(SECONDS)
            server.before = lambda _: None

    server.before = meet
    closers = [closer(server, MARCH, "raced") for _ in range(2)]
    one, other = map(printed, closers)
    assert one == other
    assert [line["quantity"] for line in one["lines"]] == ["2"]
    with open_store(server.dsn) as client:
        closes = ledger.read(client)
        assert [close.scope for close in closes].count(("raced",)) == 1
        ids = f"SELECT count() FROM {DATABASE}.{CLOSE_EVENTS} WHERE workspace_id = 'raced'"
        assert client.command(ids) == 1  # the other one deleted what it had written


def test_closers_of_different_months_do_not_both_bill_an_adjustment(
    server: ClickHouseServer,
) -> None:
    add(server, "months", "1", 2)
    billed(server, MARCH, "months")
    add(server, "months", "late", 5)
    both = threading.Barrier(2)

    def meet(statement: str) -> None:
        if statement.lstrip().startswith(STEPS["close"]):
            both.wait(SECONDS)
            server.before = lambda _: None

    server.before = meet
    with ThreadPoolExecutor(2) as closers:
        months = (APRIL, date(2026, 5, 1))
        lines = closers.map(lambda month: billed(server, month, "months"), months)
    assert list(chain.from_iterable(lines)) == [("adjustment", 1, 5)]


@pytest.mark.parametrize("step", STEPS)
def test_what_arrives_while_a_month_is_closed_is_billed_once(
    server: ClickHouseServer, step: str
) -> None:
    workspace = f"flight-{step}"
    add(server, workspace, "1", 2)
    server.before = when(STEPS[step], lambda: add(server, workspace, "flying", 3))
    first = billed(server, MARCH, workspace)
    following = billed(server, APRIL, workspace)
    if step == "events":  # it arrives before they are read
        assert (first, following) == ([("usage", 2, 5)], [])
    else:
        assert (first, following) == ([("usage", 1, 2)], [("adjustment", 1, 3)])
    assert billed(server, date(2026, 5, 1), workspace) == []


def test_thousands_of_workspaces_are_closed_at_once(server: ClickHouseServer) -> None:
    then = NOON - timedelta(days=365)
    with open_store(server.dsn) as client:
        insert(
            client,
            [
                {
                    "product": "api",
                    "metric_type": "api_call",
                    "workspace_id": f"many-{n:04}",
                    "event_id": "1",
                    "occurred_at": then,
                }
                for n in range(3000)
            ],
        )
        month = date(2025, 3, 1)
        closes = make(client, month, [], TERMS)
        names = [row["workspace_id"] for row in printing.lines(client, closes, month, [])]
    assert names == [f"many-{n:04}" for n in range(3000)]
    assert (closes[0].events, closes[0].lines) == (3000, 3000)

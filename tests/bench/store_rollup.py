"""Measures roll-ups: a month of all accounts from them, and what a refresh costs.

python -m tests.bench.store_rollup [--events 3000000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCEPTED,
    ACCOUNT,
    ARRIVALS,
    DATABASE,
    FIELDS,
    ID,
    METRIC_TYPE,
    PRODUCT,
    ROLLUP,
    TABLE,
    TIME,
)
from infra.sink.migrate import migrate
from infra.sink.rollup import sql
from infra.sink.rollup.refresh import Refresh
from infra.sink.store import open_store
from infra.sink.usage.answer import ask
from infra.sink.usage.query import Period, Query
from tests.bench.rows import Row, emit, median_ratio

_ACCOUNTS, _DAYS, _ROUNDS, _BLOCK = 1_000, 30, 5, 500_000
_METRICS = (("api", "api_call"), ("comms", "sms"), ("comms", "email"), ("agent", "tool_call"))
_MONTH = date(2026, 3, 1)
_QUERY = Query(workspaces=None, period=Period.month(_MONTH))
_VALUES = {"string": "'x'", "json": "'{}'"}
_SUM_AIM, _MEMORY_AIM = 2, 300


def fill(store: Client, first: int, events: int) -> None:
    """Inserts events, numbered from the first on, evenly over the month, accounts and metrics."""
    moment = (
        f"toDateTime64('{_MONTH:%Y-%m-%d} 08:00:00', 3, 'UTC')"
        f" + intDiv(number, {_ACCOUNTS}) % {_DAYS} * 86400"
    )
    values = {field.name: _VALUES.get(field.kind, "1") for field in FIELDS if field.required}
    metric = f"1 + intDiv(number, {_ACCOUNTS * _DAYS}) % {len(_METRICS)}"
    values |= {ACCEPTED: moment, TIME: moment, ID: "toString(generateUUIDv7())"}
    values |= {
        name: f"{[each[place] for each in _METRICS]}[{metric}]"
        for place, name in enumerate((PRODUCT, METRIC_TYPE))
    }
    values[ACCOUNT] = f"toString(number % {_ACCOUNTS})"
    for start in range(first, first + events, _BLOCK):
        store.command(
            f"INSERT INTO {DATABASE}.{TABLE} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())}"
            f" FROM numbers({start}, {min(_BLOCK, first + events - start)})"
        )


def seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def megabytes_above_idle(act: Callable[[], Any]) -> float:
    """Returns how much memory this process takes at most meanwhile, above what it has now."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    act()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def measure(store: Client, events: int) -> Iterator[Row]:
    """Yields the rows of the table."""
    refreshed = seconds(lambda: Refresh(store).run())
    of_one = replace(_QUERY, workspaces=("7",))
    queries: dict[str, Callable[[], Any]] = {
        "all": lambda: ask(store, _QUERY),
        "sum": lambda: store.query(
            f"SELECT {ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, sum(quantity)"
            f" FROM {DATABASE}.{TABLE} GROUP BY ALL"
        ),
        "all raw": lambda: ask(store, _QUERY, raw=True),
        "one": lambda: ask(store, of_one),
        "one raw": lambda: ask(store, of_one, raw=True),
    }
    memory = {name: megabytes_above_idle(queries[name]) for name in ("all", "all raw")}
    took: dict[str, list[float]] = {name: [] for name in queries}
    for _ in range(_ROUNDS):
        for name, query in queries.items():
            took[name].append(seconds(query))

    def compared(what: str, name: str, floor: str, least: str, aim: float | None = None) -> Row:
        median, ratio = statistics.median(took[name]), median_ratio(took[name], took[least])
        return Row(
            language="roll-ups",
            what=what,
            measured=median,
            unit="s",
            floor=floor,
            ratio=ratio,
            at_most=aim,
        )

    [[rows]] = store.query(f"SELECT count() FROM {DATABASE}.{ROLLUP} FINAL").result_rows
    yield compared(f"a month of all, {events:,}", "all", "sum of rows", "sum", _SUM_AIM)
    yield compared("the same", "all", "from events", "all raw")
    yield compared(f"a month of one in {_ACCOUNTS:,}", "one", "from events", "one raw")
    for name, what in (("all", "memory for all"), ("all raw", "memory for all from events")):
        aim = _MEMORY_AIM if name == "all" else None
        mebibytes = memory[name]
        yield Row(language="roll-ups", what=what, measured=mebibytes, unit="MiB", at_most=aim)
    yield Row(
        language="roll-ups", what="events for each row", measured=events / rows, unit="events"
    )
    yield _refresh("of all", [refreshed], took["all raw"][:1])
    yield from _proportions(store)
    for touched in (1, 10, 100, _ACCOUNTS):
        costs: list[float] = []
        pending: list[float] = []
        for number in range(3):
            # One event for each account, all of one day.
            fill(store, events + number * _ACCOUNTS, touched)
            pending.append(seconds(queries["all"]))
            costs.append(seconds(lambda: Refresh(store).run()))
        yield _refresh(f"of a day of {touched:,}", costs, took["all raw"][: len(costs)])
        yield Row(
            language="roll-ups",
            what=f"a month of all, {touched:,} days pending",
            measured=statistics.median(pending),
            unit="s",
            floor="from events",
            ratio=median_ratio(pending, took["all raw"][: len(pending)]),
        )


def _proportions(store: Client) -> Iterator[Row]:
    """Yields what it costs to compute a part of the days again."""
    took: dict[int, tuple[float, int]] = {}
    for share in (1, 10, 100):
        store.command(
            f"INSERT INTO {DATABASE}.{ARRIVALS} (arrived_on, {sql.DAY}, touches)"
            f" SELECT today(), {sql.DAY}, 1 FROM {DATABASE}.{ROLLUP} FINAL"
            f" WHERE toUInt32({ACCOUNT}) % 100 < {share}"
        )
        before = _rows_read(store)
        took[share] = seconds(lambda: Refresh(store).run()), _rows_read(store) - before
    for share, (cost, rows) in took.items():
        of_all, rows_of_all = took[100]
        what = f"refresh of {share} % of days"
        yield Row(
            language="roll-ups",
            what=what,
            measured=cost,
            unit="s",
            floor="of all again",
            ratio=cost / of_all,
        )
        yield Row(
            language="roll-ups",
            what=f"{what}, rows read",
            measured=rows,
            unit="rows",
            floor="of all again",
            ratio=rows / rows_of_all,
        )


def _rows_read(store: Client) -> int:
    query = "SELECT sum(value) FROM system.events WHERE event = 'SelectedRows'"
    [[rows]] = store.query(query).result_rows
    return int(rows)


def _refresh(what: str, costs: list[float], floor: list[float]) -> Row:
    return Row(
        language="roll-ups",
        what=f"refresh {what}",
        measured=statistics.median(costs),
        unit="s",
        floor="month of all from events",
        ratio=median_ratio(costs, floor),
    )


def main() -> None:
    """Fills a store and measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=3_000_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"chdb://{folder}/store") as store,
    ):
        migrate(store)
        fill(store, 0, options.events)
        for row in measure(store, options.events):
            emit(row)


if __name__ == "__main__":
    main()

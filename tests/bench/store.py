"""Measures queries of the store, on ten million receipts and three million events made by chDB.

python -m tests.bench.store [--receipts 10000000] [--events 3000000]

The events are of 1,000 workspaces and one month, which has a tenth as many before it. A process of
its own measures, after its start, as a command does.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCEPTED,
    ACCOUNT,
    BILLABLE,
    DATABASE,
    FIELDS,
    ID,
    IDENTITIES,
    INGESTED,
    INSTANCE,
    METRIC_TYPE,
    NUMBER,
    PRODUCT,
    QUANTITY,
    RECEIPTS,
    TABLE,
    TIME,
)
from infra.sink.migrate import migrate
from infra.sink.reconcile import reconcile
from infra.sink.store import open_store
from infra.sink.usage import sql
from infra.sink.usage.query import Period, Query
from tests.bench.rows import Row, emit, median_ratio

# Against reading the same columns once: reconcile sorts them, and scans them again for its report.
RECONCILE_AIM = 25
# Against the simplest query by identity, without voids, sessions, catalog and 256-bit sums.
MONTH_AIM = 1.5
# Planning a query takes most of the time, and none to count.
ONE_AIM = 20
# What a query may take before it spills, twice: its groups in memory are merged with those on disk.
MEMORY_AIM = 2 * sql.SETTINGS["max_bytes_before_external_group_by"] / 2**20
_ROUNDS = 5
_CLIENTS = 1_000
_WORKSPACES = 1_000
_MONTH = datetime(2026, 3, 1, tzinfo=UTC)
_BLOCK = 1_000_000
_EXTRAPOLATED = 300_000_000
_KEY = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {ID}"
_VALUES = {"string": "'x'", "json": "'{}'"}


def fill(store: Client, receipts: int, events: int) -> None:
    """Inserts receipts of clients that lost no event, and events of workspaces, in one month."""
    moment = f"toDateTime64('{_MONTH:%Y-%m-%d}', 3, 'UTC') + number % 2500000"
    values = {field.name: _VALUES.get(field.kind, "1") for field in FIELDS if field.required}
    values |= {ACCEPTED: moment, TIME: moment, ID: "toString(generateUUIDv7())"}
    values |= {PRODUCT: "'api'", METRIC_TYPE: "'api_call'"}
    values[ACCOUNT] = f"toString(intHash32(number) % {_WORKSPACES})"
    for start in range(0, receipts, _BLOCK):
        store.command(
            f"INSERT INTO {DATABASE}.{RECEIPTS}"
            f" ({INSTANCE}, {NUMBER}, {ACCEPTED}, {TIME}, {INGESTED})"
            f" SELECT hex(sipHash128(number % {_CLIENTS})), intDiv(number, {_CLIENTS}) + 1,"
            f" {moment} AS moment, moment, moment + 1 FROM numbers({start}, {_BLOCK})"
        )
    before = f"toDateTime64('{_MONTH - timedelta(days=28):%Y-%m-%d}', 3, 'UTC') + number % 2000000"
    for count, time_of in ((events, moment), (events // 10, before)):
        made = {**values, ACCEPTED: time_of, TIME: time_of}
        for start in range(0, count, _BLOCK):
            store.command(
                f"INSERT INTO {DATABASE}.{TABLE} ({', '.join(made)}) SELECT"
                f" {', '.join(made.values())} FROM numbers({start}, {min(_BLOCK, count - start)})"
            )


def seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def peak_above_idle(act: Callable[[], Any]) -> float:
    """Returns by how many MiB the memory of this process grows at most."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak is that from now on
    idle = _status("VmRSS")
    act()
    return (_status("VmHWM") - idle) / 1024


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def lines(store: Client, *workspaces: str) -> None:
    """Reads the lines of the month as the command does."""
    query = _query(workspaces)
    sql.fetch(store, sql.lines(query, datetime.now(UTC), sql.contents(store, query)))


def _query(workspaces: tuple[str, ...]) -> Query:
    return Query(workspaces=workspaces or None, period=Period.month(_MONTH.date()))


def rows_read(store: Client) -> int:
    """Returns how many rows of events the month of all workspaces has to read."""
    query = _query(())
    statement = sql.lines(query, datetime.now(UTC), sql.contents(store, query))
    plan = store.query(f"EXPLAIN ESTIMATE {statement.text}", statement.parameters).result_rows
    return max(int(rows) for _, table, _, rows, _ in plan if table == TABLE)


def measure(store: Client, receipts: int, events: int) -> None:
    """Prints a row for each query."""
    until, hour = _MONTH + timedelta(days=31), timedelta(hours=1)
    # As the lines of a month in any time zone.
    in_month = (
        f"{TIME} >= toDateTime64('{_MONTH - timedelta(days=1):%F}', 3, 'UTC')"
        f" AND {TIME} < toDateTime64('{until + timedelta(days=1):%F}', 3, 'UTC')"
    )
    memory = peak_above_idle(lambda: lines(store))
    queries: dict[str, Callable[[], Any]] = {
        "reconcile": lambda: reconcile(store, _MONTH, until, late=hour, limit=100),
        "read": lambda: store.query(
            f"SELECT max({INSTANCE}), max({NUMBER}), max({ACCEPTED}), max({TIME}),"
            f" max({INGESTED}) FROM {DATABASE}.{RECEIPTS}"
        ),
        "one": lambda: lines(store, "7"),
        "all": lambda: lines(store),
        "ids of one": lambda: store.query(
            f"SELECT uniqExact({ID}) FROM {DATABASE}.{TABLE} WHERE {ACCOUNT} = '7'"
        ),
        "first by identity": lambda: store.query(
            f"SELECT {ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, count(), sum(_first.1) FROM ("
            f"SELECT {_KEY}, argMax(({QUANTITY}, {BILLABLE}, {TIME}), _precedence) AS _first"
            f" FROM {DATABASE}.{TABLE} WHERE {in_month} GROUP BY {_KEY}) GROUP BY ALL"
        ),
    }
    took: dict[str, list[float]] = {name: [] for name in queries}
    for _ in range(_ROUNDS):
        for name, query in queries.items():
            took[name].append(seconds(query))
    results = (
        (f"reconcile {receipts:,}", "reconcile", "reading them", "read", RECONCILE_AIM),
        (
            f"month of one workspace in {_WORKSPACES}",
            "one",
            "counting its ids",
            "ids of one",
            ONE_AIM,
        ),
        (f"month of all, {events:,}", "all", "argMin by identity", "first by identity", MONTH_AIM),
    )
    for what, name, floor, least, aim in results:
        ratio = median_ratio(took[name], took[least])
        _emit(what, statistics.median(took[name]), "s", floor=floor, ratio=ratio, at_most=aim)
    _emit("month of all, peak memory above idle", memory, "MiB", at_most=MEMORY_AIM)
    read = rows_read(store)
    _emit(
        "month of all, rows read", read, "rows", floor="its rows", ratio=read / events, at_most=1.1
    )
    _sizes(store)
    slower = _EXTRAPOLATED / events * statistics.median(took["all"])
    _emit(f"month of all, extrapolated to {_EXTRAPOLATED:,}", slower, "s")


def _sizes(store: Client) -> None:
    """Prints the bytes on disk of an event, and of 300 million."""
    for table in (TABLE, RECEIPTS, IDENTITIES):
        [[size]] = store.query(
            "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts"
            f" WHERE active AND database = '{DATABASE}' AND table = '{table}'"
        ).result_rows
        _emit(f"{table}, on disk per row", size, "bytes")
        _emit(f"{table}, extrapolated to {_EXTRAPOLATED:,}", size * _EXTRAPOLATED / 1e9, "GB")


def _emit(what: str, measured: float, unit: str, **compared: Any) -> None:
    emit(Row(language="store", what=what, measured=measured, unit=unit, **compared))


def main() -> None:
    """Fills a store, and measures each query in another process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--filled", help="measure the store at this DSN")
    options = parser.parse_args()
    if options.filled:
        with open_store(options.filled) as store:
            measure(store, options.receipts, options.events)
        return
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"chdb://{folder}/store"
        with open_store(dsn) as store:
            migrate(store)
            fill(store, options.receipts, options.events)
        subprocess.run(
            [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--filled", dsn], check=True
        )


if __name__ == "__main__":
    main()

"""Measures queries of the store, on ten million receipts and a million events made by chDB.

python -m tests.bench.store [--receipts 10000000] [--events 1000000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCEPTED,
    ACCOUNT,
    BILLABLE,
    DATABASE,
    FIELDS,
    ID,
    INGESTED,
    INSTANCE,
    METRIC_TYPE,
    NUMBER,
    PRODUCT,
    RECEIPTS,
    TABLE,
    TIME,
    USAGE_BY_MONTH,
)
from infra.sink.migrate import migrate
from infra.sink.reconcile import reconcile
from infra.sink.store import open_store
from tests.bench.rows import Row, emit, median_ratio

# Against reading the same columns once: reconcile sorts them, and scans them again for its report.
RECONCILE_AIM = 25
# Against the simplest query by identity, without voids, sessions, catalog and 256-bit sums.
MONTH_AIM = 1.5
_ROUNDS = 3
_CLIENTS = 1_000
_ACCOUNTS = 100
_MONTH = datetime(2026, 3, 1, tzinfo=UTC)
_BLOCK = 1_000_000
_KEY = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {ID}"
_VALUES = {"string": "'x'", "json": "'{}'"}


def fill(store: Client, receipts: int, events: int) -> None:
    """Inserts receipts of clients that lost no event, and events of accounts, in one month."""
    moment = f"toDateTime64('{_MONTH:%Y-%m-%d}', 3, 'UTC') + number % 2500000"
    values = {field.name: _VALUES.get(field.kind, "1") for field in FIELDS if field.required}
    values |= {ACCEPTED: moment, TIME: moment, ID: "toString(generateUUIDv7())"}
    values |= {PRODUCT: "'api'", METRIC_TYPE: "'api_call'"}
    values[ACCOUNT] = f"toString(number % {_ACCOUNTS})"
    for start in range(0, receipts, _BLOCK):
        store.command(
            f"INSERT INTO {DATABASE}.{RECEIPTS}"
            f" ({INSTANCE}, {NUMBER}, {ACCEPTED}, {TIME}, {INGESTED})"
            f" SELECT hex(sipHash128(number % {_CLIENTS})), intDiv(number, {_CLIENTS}) + 1,"
            f" {moment} AS moment, moment, moment + 1 FROM numbers({start}, {_BLOCK})"
        )
    store.command(
        f"INSERT INTO {DATABASE}.{TABLE} ({', '.join(values)})"
        f" SELECT {', '.join(values.values())} FROM numbers({events})"
    )


def seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def main() -> None:
    """Fills a store and measures each query."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"chdb://{folder}/store") as store,
    ):
        migrate(store)
        fill(store, options.receipts, options.events)
        until, hour = _MONTH + timedelta(days=31), timedelta(hours=1)
        queries: dict[str, Callable[[], Any]] = {
            "reconcile": lambda: reconcile(store, _MONTH, until, late=hour, limit=100),
            "read": lambda: store.query(
                f"SELECT max({INSTANCE}), max({NUMBER}), max({ACCEPTED}), max({TIME}),"
                f" max({INGESTED}) FROM {DATABASE}.{RECEIPTS}"
            ),
            "one": lambda: store.query(
                f"SELECT * FROM {DATABASE}.{USAGE_BY_MONTH} WHERE {ACCOUNT} = '7'"
            ),
            "all": lambda: store.query(f"SELECT * FROM {DATABASE}.{USAGE_BY_MONTH}"),
            "ids of one": lambda: store.query(
                f"SELECT uniqExact({ID}) FROM {DATABASE}.{TABLE} WHERE {ACCOUNT} = '7'"
            ),
            "first by identity": lambda: store.query(
                f"SELECT {ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, count(), sum(_first.1) FROM ("
                f"SELECT {_KEY}, argMax((quantity, {BILLABLE}, {TIME}), _precedence) AS _first"
                f" FROM {DATABASE}.{TABLE} GROUP BY {_KEY}) GROUP BY ALL"
            ),
        }
        took: dict[str, list[float]] = {name: [] for name in queries}
        for _ in range(_ROUNDS):
            for name, query in queries.items():
                took[name].append(seconds(query))
    results = (
        (f"reconcile {options.receipts:,}", "reconcile", "reading them", "read", RECONCILE_AIM),
        (f"a month of one account in {_ACCOUNTS}", "one", "counting its ids", "ids of one", 20),
        (
            *(f"a month of all, {options.events:,}", "all"),
            *("argMin by identity", "first by identity", MONTH_AIM),
        ),
    )
    for what, name, floor, least, aim in results:
        emit(
            Row(
                language="store",
                what=what,
                measured=statistics.median(took[name]),
                unit="s",
                floor=floor,
                ratio=median_ratio(took[name], took[least]),
                at_most=aim,
            )
        )


if __name__ == "__main__":
    main()

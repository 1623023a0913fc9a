"""Inserts rows into the table, and isolates those that it rejects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from infra.sink._generated.fields import DATABASE, EXPIRED, FIELDS, TABLE, USAGE_TOPIC
from infra.sink.decode import Row
from infra.sink.dsn import Dsn
from infra.sink.errors import UnavailableError
from infra.sink.gap import Gap
from infra.sink.store import first_line, open_store

# ClickHouse's codes of errors that one row causes; the other rows can be inserted. The row cannot
# be parsed (6, 26, 27, 38, 41, 72, 117), does not fit (69, 131, 321, 349, 407), or violates a
# constraint of the table (469).
_ROW_ERRORS = frozenset({6, 26, 27, 38, 41, 69, 72, 117, 131, 321, 349, 407, 469})
_UNKNOWN_DATABASE, _UNKNOWN_TABLE, _UNKNOWN_COLUMN = 81, 60, 16
_SETTINGS = {
    "date_time_input_format": "best_effort",
    # One insert may hold events of many months, such as a replay.
    "max_partitions_per_insert_block": 0,
    # On two cores, parsing in parallel costs more than it gains.
    "input_format_parallel_parsing": 0,
    # Copies within an insert are dropped by merges and reads, as those of two inserts are. To look
    # for them in each insert too takes a third of its time.
    "optimize_on_insert": 0,
    # A server responds only once the rows are written, whatever the user's profile sets.
    "async_insert": 0,
    "wait_end_of_query": 1,
    # On a cluster, most replicas of the shard have the rows by then: one that is lost loses none.
    "insert_quorum": "auto",
}


def insert_into(client: Client, lines: Iterable[bytes]) -> None:
    """Inserts events as JSON, all or none; ClickHouse parses their numbers as decimals."""
    client.raw_insert(
        f"{DATABASE}.{TABLE}",
        column_names=[field.name for field in FIELDS],
        insert_block=b"\n".join(lines),
        settings=_SETTINGS,
        fmt="JSONEachRow",
    )


class Writer:
    """Opens the store on first use, and again after a failure."""

    def __init__(self, dsn: Dsn | str | None) -> None:
        self._dsn = dsn
        self._client: Client | None = None

    def open(self) -> Client:
        """Returns the client, opening the store if necessary.

        Raises:
            UsageError: the DSN is missing or malformed.
            UnavailableError: the store cannot be opened now.
        """
        if self._client is None:
            self._client = open_store(self._dsn)
        return self._client

    def check(self) -> None:
        """Checks that the store can be opened and has the table.

        Raises:
            UsageError: the DSN is missing or malformed.
            UnavailableError: the store cannot be used now.
        """
        try:
            self.open().command(f"SELECT 1 FROM {DATABASE}.{TABLE} LIMIT 0")
        except (ClickHouseError, OSError) as failure:
            raise self._unavailable("check", failure) from None

    def insert(self, rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
        """Inserts rows and yields the index and the error of each that the table rejects.

        When it returns, the other rows are on ClickHouse's disk, because the table is created with
        `fsync_after_insert`: they survive a crash and a power failure.

        Raises:
            UnavailableError: none, some or all of the rows are inserted; insert all of them again.
        """
        yield from self._insert(rows, 0)

    def insert_gaps(self, gaps: Sequence[Gap]) -> None:
        """Inserts what can no longer be read, for `reconcile`.

        Raises:
            UnavailableError: none or all are inserted; insert all of them again.
        """
        rows = [(USAGE_TOPIC, *gap) for gap in gaps]
        try:
            self.open().insert(
                EXPIRED, rows, ("topic", "partition", "first", "last"), database=DATABASE
            )
        except (ClickHouseError, OSError) as failure:
            raise self._unavailable("insert", failure) from None

    def _insert(self, rows: Sequence[Row], first: int) -> Iterator[tuple[int, str]]:
        error = self._try(rows)
        if error is None:
            return
        if len(rows) == 1:
            yield first, error
            return
        half = len(rows) // 2
        yield from self._insert(rows[:half], first)
        yield from self._insert(rows[half:], first + half)

    def _try(self, rows: Sequence[Row]) -> str | None:
        """Inserts all rows or none; returns the store's error if one of the rows causes it."""
        client = self.open()
        try:
            insert_into(client, [row.line for row in rows])
        except (ClickHouseError, OSError) as failure:
            if _code(failure) in _ROW_ERRORS:
                return first_line(failure)
            raise self._unavailable("insert", failure) from None
        return None

    def _unavailable(self, action: str, failure: Exception) -> UnavailableError:
        text = first_line(failure)
        if _code(failure) in {_UNKNOWN_DATABASE, _UNKNOWN_TABLE, _UNKNOWN_COLUMN}:
            text = f"run `usage-sink migrate` first: {text}"
        self.close()  # unlocks a chDB folder for whoever repairs it
        return UnavailableError(f"{action} failed: {text}")

    def close(self) -> None:
        """Closes the store; the next use opens it again."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(ClickHouseError, OSError):
                client.close()


def _code(failure: Exception) -> int | None:
    return failure.code if isinstance(failure, DatabaseError) else None

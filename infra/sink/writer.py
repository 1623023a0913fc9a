"""Inserts rows into the table, and finds those that it refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from infra.sink._generated.fields import DATABASE, FIELDS, TABLE
from infra.sink.decode import Row
from infra.sink.errors import UnavailableError
from infra.sink.store import first_line, open_store

# Errors that are about a row, so that the same rows without it may go in: by ClickHouse's numbers,
# what cannot be parsed (6, 26, 27, 38, 41, 72, 117), does not fit (69, 131, 321, 349, 407), or
# breaks a constraint of the table (469).
_ABOUT_A_ROW = frozenset({6, 26, 27, 38, 41, 69, 72, 117, 131, 321, 349, 407, 469})
_UNKNOWN_DATABASE, _UNKNOWN_TABLE, _UNKNOWN_COLUMN = 81, 60, 16
_SETTINGS = {
    "date_time_input_format": "best_effort",
    # One insert may carry events of many months, such as a replay's.
    "max_partitions_per_insert_block": 0,
    # On two cores, parsing in parallel costs more than it gains.
    "input_format_parallel_parsing": 0,
    # A server answers when the rows are written, whatever its users' profile says.
    "async_insert": 0,
    "wait_end_of_query": 1,
}


def insert_into(client: Client, lines: Iterable[bytes]) -> None:
    """Inserts events in JSON, all of them or none; ClickHouse reads their numbers as decimals."""
    client.raw_insert(
        f"{DATABASE}.{TABLE}",
        column_names=[field.name for field in FIELDS],
        insert_block=b"\n".join(lines),
        settings=_SETTINGS,
        fmt="JSONEachRow",
    )


class Writer:
    """Opens the store when it is first needed, and again after it failed."""

    def __init__(self, dsn: str | None) -> None:
        self._dsn = dsn
        self._client: Client | None = None

    def open(self) -> Client:
        """Opens the store where it is not open.

        Raises:
            SinkError: the DSN is none.
            UnavailableError: there is no such store now.
        """
        if self._client is None:
            self._client = open_store(self._dsn)
        return self._client

    def insert(self, rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
        """Inserts rows and yields the index of each that the table refused, with its words.

        When it returns, ClickHouse has the others on its disk, as the table says
        `fsync_after_insert`: they outlive the end of its process, and the power failing.

        Raises:
            UnavailableError: none, some or all of the rows are in; insert all of them again.
        """
        yield from self._insert(rows, 0)

    def _insert(self, rows: Sequence[Row], first: int) -> Iterator[tuple[int, str]]:
        refused = self._try(rows)
        if refused is None:
            return
        if len(rows) == 1:
            yield first, refused
            return
        half = len(rows) // 2
        yield from self._insert(rows[:half], first)
        yield from self._insert(rows[half:], first + half)

    def _try(self, rows: Sequence[Row]) -> str | None:
        """Inserts all of them or none; the store's words if one of them is to blame."""
        client = self.open()
        try:
            insert_into(client, [row.line for row in rows])
        except (ClickHouseError, OSError) as failure:
            words = first_line(failure)
            code = failure.code if isinstance(failure, DatabaseError) else None
            if code in _ABOUT_A_ROW:
                return words
            if code in {_UNKNOWN_DATABASE, _UNKNOWN_TABLE, _UNKNOWN_COLUMN}:
                words = f"run `python -m infra.sink migrate` first: {words}"
            self.close()  # a chDB folder is free for whoever mends it
            raise UnavailableError(f"the store took no rows: {words}") from None
        return None

    def close(self) -> None:
        """Lets go of the store; it may be used again."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(ClickHouseError, OSError):
                client.close()

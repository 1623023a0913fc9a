"""Keeps in the store who imported which file, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import DATABASE, IMPORTS

COLUMNS = (
    *("import_id", "digest", "file", "events", "first_time", "last_time"),
    *("imported_by", "reason", "is_complete"),
)
SHOWN = ("imported_at", "file", "events", "imported_by", "reason", "is_complete", "digest")


@dataclass(frozen=True)
class Import:
    """A file that is imported.

    Attributes:
        import_id: the instance id of its events.
        digest: SHA-256 of its bytes, in hexadecimal.
        is_complete: whether Kafka has all of its events; written again once it has.
    """

    import_id: str
    digest: str
    file: str
    events: int
    first_time: str
    last_time: str
    imported_by: str
    reason: str


def write(client: Client, made: Import, *, is_complete: bool) -> None:
    """Writes an import, before its events are in Kafka and again when they are.

    Raises:
        SinkError: the store rejects it.
    """
    values = [*(getattr(made, name) for name in COLUMNS[:-1]), is_complete]
    try:
        client.insert(IMPORTS, [values], COLUMNS, database=DATABASE)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def find(client: Client, digest: str = "") -> list[dict[str, Any]]:
    """Returns the imports of a file, or all, the first one first.

    Raises:
        SinkError: the store rejects the query.
    """
    query = f"""\
SELECT {", ".join((*SHOWN, "import_id"))} FROM {DATABASE}.{IMPORTS} FINAL
WHERE {{digest:String}} IN ('', digest) ORDER BY imported_at, import_id"""
    try:
        rows = client.query(query, {"digest": digest})
        return list(rows.named_results())
    except ClickHouseError as failure:
        raise store.query_error(failure) from None

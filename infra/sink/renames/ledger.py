"""The renames of a store, which are added and never changed."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import ACCOUNT, DATABASE, RENAMES
from infra.sink.renames.names import Names, Rename

_COLUMNS = (ACCOUNT, "since", "renamed_to", "reason", "renamed_by")
_READ = f"""\
SELECT {", ".join(_COLUMNS)}, renamed_at FROM {DATABASE}.{RENAMES}
ORDER BY renamed_at, {ACCOUNT}, since, renamed_to"""


def read(client: Client) -> list[Rename]:
    """Returns all renames, in the order in which they were made.

    Raises:
        SinkError: the store rejects the query.
    """
    try:
        return [Rename(*row) for row in client.query(_READ).result_rows]
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def names(client: Client) -> Names:
    """Returns the names of workspaces.

    Raises:
        SinkError: the store rejects the query.
    """
    return Names(read(client))


def add(client: Client, rename: Rename) -> None:
    """Adds a rename, at the time of the store.

    Raises:
        SinkError: the store rejects it.
    """
    values = (rename.workspace, rename.since, rename.renamed_to, rename.reason, rename.by)
    try:
        client.insert(RENAMES, [values], _COLUMNS, database=DATABASE)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None

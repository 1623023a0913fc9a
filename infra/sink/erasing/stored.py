"""Deletes from the tables what is erased.

The table of events is the last: what the others have is found by it, so that a repetition after a
crash deletes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from clickhouse_connect.driver.client import Client

from infra.sink import cluster, store
from infra.sink._generated.fields import (
    ACCOUNT,
    ARRIVALS,
    BILLABLE,
    CLOSE_EVENTS,
    CLOSE_LINES,
    CLOSES,
    DATABASE,
    EXPLAINED,
    ID,
    IDENTITIES,
    METADATA,
    METRIC_TYPE,
    PRODUCT,
    RECEIPTS,
    RENAMES,
    ROLLUP,
    ROLLUP_STATE,
    TABLE,
    TIME,
    USAGE_DETAIL,
    WORKSPACE_ZONES,
)
from infra.sink._generated.lines import WITHOUT_ERASED_KEYS
from infra.sink.renames import ledger as renames
from infra.sink.renames.billed import Billed

_WORKSPACE, _BEFORE = "{account:String}", "{before:DateTime64(3, 'UTC')}"
_OF = f"{ACCOUNT} = {_WORKSPACE}"
_ERASED = f"{_OF} AND {TIME} < {_BEFORE}"
_EVENTS = f"{DATABASE}.{TABLE}"
_KEY = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {ID}"
_EXPLAINED_AS = f"concat({ACCOUNT}, '/', {PRODUCT}, '/', {METRIC_TYPE}, '/', {ID})"
_CLOSED = f"{_OF} AND position.1 < {_BEFORE}"
# A day within which the time lies is computed anew, as the ledger says, if it has work of after it.
_ROLLED_UP = (
    f"{_OF} AND utc_day <= toDate32({_BEFORE}) AND utc_day NOT IN ("
    f"SELECT toDate32({TIME}) FROM {_EVENTS} WHERE {_OF} AND {TIME} >= {_BEFORE})"
)
# The condition for what is deleted, by its table.
_CONDITIONS: Mapping[str, str] = {
    IDENTITIES: f"{_OF} AND ({PRODUCT}, {METRIC_TYPE}, _id) IN ("
    f"SELECT {PRODUCT}, {METRIC_TYPE}, sipHash128({ID}) FROM {_EVENTS} WHERE {_ERASED})",
    CLOSE_EVENTS: _CLOSED,
    EXPLAINED: f"kind IN ('conflict', 'session') AND subject IN ("
    f"SELECT {_EXPLAINED_AS} FROM {_EVENTS} WHERE {_ERASED})",
    ARRIVALS: _ROLLED_UP,
    ROLLUP: _ROLLED_UP,
    WORKSPACE_ZONES: f"{_OF} AND changed_at < {_BEFORE}",
    ROLLUP_STATE: f"kind = 'workspace' AND subject = {_WORKSPACE}",
    TABLE: _ERASED,
    # What is erased with a workspace is looked up by it, also when that is repeated.
    RENAMES: f"{_OF} AND renamed_at < {_BEFORE}",
}
_RECEIPTS = f"_identity IN (SELECT sipHash64({_KEY}) FROM {_EVENTS} WHERE {_ERASED})"
# Deletions wait until the parts are written anew, on all replicas.
_WAIT: Mapping[str, Any] = {"mutations_sync": 2, "allow_nondeterministic_mutations": 1}


class Workspace:
    """The data of a workspace from before a time."""

    def __init__(self, client: Client, workspace: str, before: datetime) -> None:
        self._client = client
        self._parameters = {"account": workspace, "before": store.bound(before)}

    def count(self) -> dict[str, int]:
        """Returns how many rows each table has that are deleted."""
        return {
            table: int(
                self._rows(f"SELECT count() FROM {DATABASE}.{table} WHERE {condition}")[0][0]
            )
            for table, condition in _CONDITIONS.items()
        }

    def events(self) -> int:
        """Returns how many events there are."""
        [[events]] = self._rows(f"SELECT count() FROM {_EVENTS} WHERE {_ERASED}")
        return int(events)

    def closes(self) -> dict[str, int]:
        """Returns how many of its events each close has, also one that is being made."""
        query = f"""\
SELECT close_id, count() FROM {DATABASE}.{CLOSE_EVENTS} WHERE {_CLOSED} GROUP BY close_id"""
        return {close_id: int(events) for close_id, events in self._rows(query)}

    def lines(self) -> int:
        """Returns how many lines of closes have its amounts, which are kept."""
        [[lines]] = self._rows(f"SELECT count() FROM {DATABASE}.{CLOSE_LINES} WHERE {_OF}")
        return int(lines)

    def unbilled(self) -> dict[str, int]:
        """Returns how many billable events it has of months that are not closed."""
        billed = Billed.of(renames.names(self._client), None)
        query = f"""\
SELECT formatDateTime(_detail.month, '%Y-%m') AS name, count()
FROM {DATABASE}.{USAGE_DETAIL} AS _detail
WHERE {_ERASED} AND {BILLABLE}
    AND _detail.month NOT IN (SELECT month FROM {DATABASE}.{CLOSES} WHERE empty(scope))
    AND ({billed.account("_detail.month")}, _detail.month) NOT IN (
        SELECT arrayJoin(scope), month FROM {DATABASE}.{CLOSES}
    )
GROUP BY name ORDER BY name"""
        values = {**self._parameters, **billed.parameters}
        return {name: int(events) for name, events in self._client.query(query, values).result_rows}

    def delete(self) -> None:
        """Deletes it from all tables; only receipts stay, as those of erased events."""
        self._run(f"ALTER TABLE {DATABASE}.{RECEIPTS} UPDATE _content = 0 WHERE {_RECEIPTS}")
        for table, condition in _CONDITIONS.items():
            self._run(f"ALTER TABLE {DATABASE}.{table} DELETE WHERE {condition}")

    def _rows(self, query: str) -> list[Any]:
        return list(self._client.query(query, self._parameters).result_rows)

    def _run(self, statement: str) -> None:
        cluster.change(self._client, statement, self._parameters, _WAIT)


class Key:
    """A metadata key of the events from before a time: of a workspace, or of all."""

    def __init__(self, client: Client, account: int, key: str, before: datetime) -> None:
        self._client = client
        self._parameters = {
            "account": account,
            "key": key,
            "before": store.bound(before),
            "keys": [f"{account} {key}"],
            "times": [round(before.timestamp() * 1000)],
        }
        self._of = "1" if account == 0 else f"sipHash64({ACCOUNT}) = {{account:UInt64}}"
        self._condition = (
            f"{self._of} AND {TIME} < {_BEFORE} "
            f"AND has(JSONExtractKeys({METADATA}), {{key:String}})"
        )

    def count(self) -> dict[str, int]:
        """Returns how many rows of which table have the key."""
        return {TABLE: self.events()}

    def events(self) -> int:
        """Returns how many events have the key."""
        query = f"SELECT count() FROM {_EVENTS} WHERE {self._condition}"
        [[events]] = self._client.query(query, self._parameters).result_rows
        return int(events)

    def counting(self) -> list[str]:
        """Returns the metric types that bill by the key, and have events with it."""
        query = f"""\
SELECT DISTINCT concat({PRODUCT}, '.', {METRIC_TYPE}) AS name FROM {_EVENTS}
WHERE ({PRODUCT}, {METRIC_TYPE}) IN (
    SELECT product, metric_type FROM {DATABASE}.catalog_releases
    WHERE concat('metadata.', {{key:String}}) IN (unique_of, series)
) AND {self._condition}
ORDER BY name"""
        return [str(name) for [name] in self._client.query(query, self._parameters).result_rows]

    def delete(self) -> None:
        """Removes the key from the metadata."""
        cluster.change(
            self._client,
            f"ALTER TABLE {_EVENTS} UPDATE {METADATA} = {WITHOUT_ERASED_KEYS} "
            f"WHERE {self._condition}",
            self._parameters,
            _WAIT,
        )


def now(client: Client) -> datetime:
    """Returns the time of the store."""
    [[time]] = client.query("SELECT now64(3, 'UTC')").result_rows
    return cast("datetime", time)


def digest(client: Client, workspace: str | None) -> int:
    """Returns the store's digest of a workspace; 0 for all."""
    if workspace is None:
        return 0
    query = "SELECT sipHash64({account:String})"
    [[account]] = client.query(query, {"account": workspace}).result_rows
    return int(account)


def erased_workspaces(client: Client, accounts: list[int]) -> list[tuple[int, str]]:
    """Returns the workspaces with these digests of which the store has events.

    Those of a close that died while it was made count too.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    query = " UNION DISTINCT ".join(
        f"SELECT sipHash64({ACCOUNT}) AS _account, {ACCOUNT} FROM {DATABASE}.{table} "
        "WHERE _account IN {accounts:Array(UInt64)}"
        for table in (TABLE, CLOSE_EVENTS)
    )
    rows = client.query(query, {"accounts": accounts}).result_rows
    return [(int(account), str(name)) for account, name in rows]

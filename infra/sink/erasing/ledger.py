"""What is erased: a row of the store for each erasure, without the name of a workspace."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink import store
from infra.sink._generated.fields import DATABASE, ERASURES

_TABLE = f"{DATABASE}.{ERASURES}"
_COLUMNS = (
    *("erasure_id", "workspace_digest", "_account", "metadata_key", "erased_before"),
    *("reason", "erased_by", "closes", "certificate", "is_complete"),
)
_NAMES = (
    *("erasure_id", "digest", "account", "key", "before", "reason", "by"),
    *("closes", "certificate", "is_complete"),
)
# Of the time of the store, as is that of the events that arrive.
_BEGIN = f"""\
INSERT INTO {_TABLE} (erasure_id, workspace_digest, _account, metadata_key, erased_before,
    reason, erased_by, is_complete)
SELECT {{id:String}}, {{digest:String}},
    if({{digest:String}} = '', 0, sipHash64({{account:String}})), {{key:String}},
    now64(3, 'UTC'), {{reason:String}}, {{by:String}}, 0"""
_FOUND = f"""\
SELECT {", ".join(map(" AS ".join, zip(_COLUMNS, _NAMES, strict=True)))}
FROM {_TABLE} FINAL ORDER BY erased_before, erasure_id"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure: of a workspace, or of a key of its metadata, or of that of all workspaces.

    Attributes:
        erasure_id: names it.
        digest: SHA-256 of the workspace, in hexadecimal; empty for all.
        account: the store's digest of the workspace; 0 for all.
        key: the metadata key; empty for all of the workspace.
        before: the work before this time is erased.
        closes: how many events of which close were deleted.
        certificate: what was found, deleted and left.
    """

    erasure_id: str
    digest: str
    account: int
    key: str
    before: datetime
    reason: str
    by: str
    closes: Mapping[str, int]
    certificate: Mapping[str, Any]
    is_complete: bool


def digest_of(workspace: str | None) -> str:
    """Returns the SHA-256 of a workspace, in hexadecimal; empty for all of them."""
    return "" if workspace is None else hashlib.sha256(workspace.encode()).hexdigest()


def read(client: Client) -> list[Erasure]:
    """Returns all erasures, the first one first.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    return [
        Erasure(
            **{**row, "closes": dict(row["closes"]), "is_complete": bool(row["is_complete"])}
            | {"certificate": json.loads(row["certificate"] or "{}")}
        )
        for row in client.query(_FOUND, settings=dict(store.AS_ONE)).named_results()
    ]


def get(client: Client, erasure_id: str) -> Erasure:
    """Returns an erasure as it is now, which another command may have gone on with.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    return next(each for each in read(client) if each.erasure_id == erasure_id)


def of(client: Client, workspace: str | None, key: str) -> list[Erasure]:
    """Returns the erasures of a workspace, or all, and a key, or everything."""
    digest = digest_of(workspace)
    return [each for each in read(client) if (each.digest, each.key) == (digest, key)]


def pending(client: Client, workspace: str | None, key: str) -> Erasure | None:
    """Returns the first erasure of these that is not complete.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    found = of(client, workspace, key)
    return next((each for each in found if not each.is_complete), None)


def begin(client: Client, workspace: str | None, key: str, reason: str, by: str) -> Erasure:
    """Writes an erasure, from which on views hide what it is of, and returns it.

    Of two that begin at once, both read what both have written, and go on with the first.

    Raises:
        ClickHouseError: the store rejects it.
    """
    erasure_id = str(uuid.uuid4())
    client.command(
        _BEGIN,
        {
            "id": erasure_id,
            "digest": digest_of(workspace),
            "account": workspace or "",
            "key": key,
            "reason": reason,
            "by": by,
        },
        settings=dict(store.AS_ONE),
    )
    first = pending(client, workspace, key) or get(client, erasure_id)
    if first.erasure_id != erasure_id:
        statement = f"ALTER TABLE {_TABLE} DELETE WHERE erasure_id = {{id:String}}"
        client.command(statement, {"id": erasure_id}, settings={"mutations_sync": 2})
    return first


def update(client: Client, erasure: Erasure, **changes: Any) -> Erasure:
    """Writes an erasure again with other values, and returns it.

    Raises:
        ClickHouseError: the store rejects it.
    """
    changed = replace(erasure, **changes)
    row = [
        *(changed.erasure_id, changed.digest, changed.account, changed.key),
        *(store.bound(changed.before), changed.reason, changed.by),
        *(list(changed.closes.items()), json.dumps(changed.certificate), int(changed.is_complete)),
    ]
    kinds = (
        *("String", "String", "UInt64", "String", "DateTime64(3, 'UTC')", "String", "String"),
        *("Array(Tuple(String, UInt64))", "String", "UInt8"),
    )
    values = ", ".join(f"{{v{index}:{kind}}}" for index, kind in enumerate(kinds))
    client.command(
        f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) SELECT {values}",
        {f"v{index}": value for index, value in enumerate(row)},
        settings=dict(store.AS_ONE),
    )
    return changed


def erasures(client: Client) -> frozenset[str]:
    """Returns which erasures have begun.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    return frozenset(each.erasure_id for each in read(client))


def erased_events(client: Client) -> dict[str, int]:
    """Returns how many events of which close were erased.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    counts: dict[str, int] = {}
    for erasure in read(client):
        for close_id, events in erasure.closes.items():
            counts[close_id] = counts.get(close_id, 0) + events
    return counts

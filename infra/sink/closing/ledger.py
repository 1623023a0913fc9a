"""The closes of a store, in order: each is put once, whoever else closes at the same time.

A close says what was billed since the closes before it, so its number is the next one. It is
inserted with its number as deduplication token: the store keeps the first insert with a token and
drops all others, which is the only step of closing that two cannot both do. Whoever finds another
close under the number begins again from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import CLOSES, DATABASE
from infra.sink.store import AS_ONE

_TABLE = f"{DATABASE}.{CLOSES}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A close without its time, which the store sets; an empty `scope` means all workspaces."""

    number: int
    close_id: str
    month: date
    scope: tuple[str, ...]
    release: str
    time_zone: str
    currency: str
    despite: str
    overridden: tuple[str, ...]
    events: int
    lines: int
    digest: str


@dataclass(frozen=True, slots=True)
class Close(Entry):
    """A close that counts."""

    closed_at: datetime


_NAMES = tuple(field.name for field in fields(Entry))
_QUERY = f"SELECT {', '.join(_NAMES)}, closed_at FROM {_TABLE} ORDER BY number"


def read(client: Client) -> list[Close]:
    """Returns all closes, in order."""
    found = client.query(_QUERY, settings=dict(AS_ONE)).named_results()
    lists = ("scope", "overridden")
    return [Close(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in found]


def put(client: Client, entry: Entry) -> bool:
    """Makes a close count; returns False if another one has its number, so that it never will.

    The number must be the next one of what the close was read from. If a crash has used up the
    number's token without a close, the next number is taken, before which no close can come.
    """
    number = entry.number
    while True:
        values = [number, *astuple(entry)[1:]]
        client.insert(
            CLOSES,
            [values],
            _NAMES,
            database=DATABASE,
            settings={
                **AS_ONE,
                "insert_deduplicate": 1,
                "insert_deduplication_token": f"close {number}",
                "async_insert": 0,
                "wait_end_of_query": 1,
            },
        )
        query = f"SELECT close_id FROM {_TABLE} WHERE number >= {{number:UInt64}} ORDER BY number"
        found = client.query(query, {"number": entry.number}, settings=dict(AS_ONE)).result_rows
        if found:
            return bool(found[0][0] == entry.close_id)
        number += 1


def of_month(closes: Iterable[Close], month: date) -> list[Close]:
    """Returns the closes of a month."""
    return [close for close in closes if close.month == month]


def remaining(
    closes: Iterable[Close], month: date, workspaces: Sequence[str]
) -> tuple[str, ...] | None:
    """Returns the scope that is not closed yet; None if all of it is.

    No workspaces means all: then those that are closed on their own remain so.
    """
    made = of_month(closes, month)
    if any(not close.scope for close in made):
        return None
    if not workspaces:
        return ()
    closed = {workspace for close in made for workspace in close.scope}
    return tuple(sorted(set(workspaces) - closed)) or None


def last_closed(closes: Iterable[Close], workspace: str) -> date | None:
    """Returns the last month that is closed for a workspace, whose time zone must stay."""
    return max(
        (close.month for close in closes if not close.scope or workspace in close.scope),
        default=None,
    )


def covering(closes: Iterable[Close], month: date, workspaces: Sequence[str]) -> list[Close]:
    """Returns the closes of a month that are of any of the workspaces; all without one."""
    return [
        close
        for close in of_month(closes, month)
        if not workspaces or not close.scope or not set(workspaces).isdisjoint(close.scope)
    ]

"""The list of events: each once, as it came, with what became of it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    FIELDS,
    ID,
    INGESTED,
    METRIC_TYPE,
    PRODUCT,
    RECEIVED,
    TIME,
    USAGE_DETAIL,
    VOID_STATUS,
    VOIDED,
)
from infra.sink._generated.lines import COLUMNS as MEASURES
from infra.sink.errors import UsageError
from infra.sink.renames.recorded import Recorded, under_other_names
from infra.sink.usage import sql
from infra.sink.usage.query import Filter
from infra.sink.usage.sql import Parameters, Statement

COLUMNS = (*(field.name for field in FIELDS), INGESTED, "voided_by", "effective_cost")
MOST_EVENTS = 1_000
_IDENTITY = (ACCOUNT, PRODUCT, METRIC_TYPE, ID)
_IDENTITIES = "Array(Tuple(String, String, String, String))"
# Identities are in the address of a request, whose length a server limits.
_LOOKED_UP = 200

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of an event in the list, after which a page begins."""

    time_ms: int
    identity: Identity

    def __str__(self) -> str:
        text = json.dumps([self.time_ms, *self.identity], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the cursor of a text.

        Raises:
            UsageError: no page had it.
        """
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            match json.loads(raw):
                case [int(time), str(account), str(product), str(metric_type), str(event)]:
                    if abs(time) < 1 << 62:
                        return cls(time, (account, product, metric_type, event))
                case _:
                    pass
        except (binascii.Error, ValueError):
            pass
        raise UsageError("malformed cursor: use that of the page before")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Returns the cursor of an event."""
        return cls(_milliseconds(row[TIME]), _identity(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """A page of the events of workspaces, by the time at which they occurred.

    Attributes:
        workspaces: whose events, also where they were recorded under another name that is billed
            as one of these; None for all.
        start: the earliest time.
        end: the time that all are before.
        event: only events of this id: one for each metric type that has it.
        where: which events.
        newest_first: the order; events of one time are ordered by workspace, metric type and id.
        limit: how many at most.
        offset: how many are left out before them.
        after: the cursor of the page before.
    """

    workspaces: tuple[str, ...] | None
    start: datetime | None = None
    end: datetime | None = None
    event: str | None = None
    where: tuple[Filter, ...] = ()
    newest_first: bool = False
    limit: int = 100
    offset: int = 0
    after: Cursor | None = None

    def __post_init__(self) -> None:
        """Refuses what has no answer.

        Raises:
            UsageError: no workspace is named, or a limit is out of bounds.
        """
        if self.workspaces is not None and not self.workspaces:
            raise UsageError("no workspace is named")
        if not 1 <= self.limit <= MOST_EVENTS:
            raise UsageError(f"the limit must be from 1 to {MOST_EVENTS:,}, got {self.limit:,}")
        if self.offset < 0:
            raise UsageError(f"the offset must not be negative, got {self.offset:,}")
        for bound in (self.start, self.end):
            if bound is not None and bound.tzinfo is None:
                raise UsageError(f"a time must have an offset from UTC, got {bound.isoformat()}")


@dataclass(frozen=True, slots=True)
class Page:
    """Events by the names of COLUMNS, and the cursor of the next page, if there is one.

    `voided_by` is the void that takes an event back, or empty. `effective_cost` is what it costs:
    0 if it is taken back, takes another back, or belongs to a session that another row stands for;
    None if it is not known.
    """

    rows: list[dict[str, Any]]
    next: Cursor | None


def list_events(client: Client, query: EventQuery) -> Page:
    """Returns a page of events.

    A page holds every event that had arrived, whatever arrives between one page and the next.

    Raises:
        SinkError: the store rejects the query.
    """
    page = _page(query, _others(client, query))
    found = [dict(zip(COLUMNS, row, strict=False)) for row in sql.fetch(client, page)]
    rows = found[: query.limit]
    for first in range(0, len(rows), _LOOKED_UP):
        _look_up(client, rows[first : first + _LOOKED_UP])
    return Page(rows, Cursor.of(rows[-1]) if len(found) > query.limit else None)


def count_events(client: Client, query: EventQuery) -> int:
    """Returns how many events there are on all pages.

    Raises:
        SinkError: the store rejects the query.
    """
    bound = Parameters()
    conditions = " AND ".join(_conditions(query, _others(client, query), bound))
    text = f"SELECT count() FROM {DATABASE}.{RECEIVED} WHERE {conditions}"
    [[count]] = sql.fetch(client, Statement(text, bound.values, ()))
    return int(count)


def _others(client: Client, query: EventQuery) -> list[Recorded]:
    """Returns what was recorded under other names than those of the query."""
    return [] if query.workspaces is None else under_other_names(client, query.workspaces)


def _recorded(each: Recorded, bound: Parameters) -> Iterator[str]:
    yield f"{ACCOUNT} = {bound.bind(each.workspace, 'String')}"
    for sign, time in ((">=", each.since), ("<", each.until)):
        if time is not None:
            yield f"{TIME} {sign} {bound.bind(time, sql.TIME_TYPE)}"


def _conditions(query: EventQuery, others: list[Recorded], bound: Parameters) -> list[str]:
    conditions = ["1", *sql.where(query.where, bound)]
    if query.workspaces is not None:
        whose = [f"{ACCOUNT} IN {bound.bind(list(query.workspaces), 'Array(String)')}"]
        whose += (" AND ".join(_recorded(each, bound)) for each in others)
        conditions.append(f"({' OR '.join(whose)})")
    if query.event is not None:
        conditions.append(f"{ID} = {bound.bind(query.event, 'String')}")
    for sign, time in ((">=", query.start), ("<", query.end)):
        if time is not None:
            conditions.append(f"{TIME} {sign} {bound.bind(time, sql.TIME_TYPE)}")
    return conditions


def _page(query: EventQuery, others: list[Recorded]) -> Statement:
    bound = Parameters()
    place = ", ".join((TIME, *_IDENTITY))
    conditions = _conditions(query, others, bound)
    if query.after is not None:
        values = [
            f"fromUnixTimestamp64Milli({bound.bind(query.after.time_ms, 'Int64')}, 'UTC')",
            *(bound.bind(part, "String") for part in query.after.identity),
        ]
        sign = "<" if query.newest_first else ">"
        conditions.append(f"({place}) {sign} ({', '.join(values)})")
    direction = " DESC" if query.newest_first else ""
    order = ", ".join(f"{name}{direction}" for name in (TIME, *_IDENTITY))
    text = f"""\
SELECT {", ".join(COLUMNS[:-2])}
FROM {DATABASE}.{RECEIVED}
WHERE {" AND ".join(conditions)}
ORDER BY {order}
LIMIT {query.limit + 1} OFFSET {query.offset}"""
    return Statement(text, bound.values, COLUMNS[:-2])


def _look_up(client: Client, rows: Sequence[dict[str, Any]]) -> None:
    """Adds to events what became of them."""
    bound = Parameters()
    accounts = bound.bind(sorted({row[ACCOUNT] for row in rows}), "Array(String)")
    identities = bound.bind([_identity(row) for row in rows], _IDENTITIES)
    names = ", ".join(_IDENTITY)
    condition = f"WHERE {ACCOUNT} IN {accounts} AND ({names}) IN {identities}"

    def by_identity(column: str, view: str) -> dict[Identity, Any]:
        text = f"SELECT {names}, {column} FROM {DATABASE}.{view} {condition}"
        found = sql.fetch(client, Statement(text, bound.values, ()))
        return {(a, p, m, e): value for a, p, m, e, value in found}

    voided = by_identity("voided_by", VOIDED) if VOID_STATUS else {}
    costs = by_identity("exact_cost", USAGE_DETAIL) if "cost" in MEASURES else {}
    for row in rows:
        key = _identity(row)
        row["voided_by"] = voided.get(key, "")
        row["effective_cost"] = costs.get(key, Decimal(0))


def _identity(row: dict[str, Any]) -> Identity:
    return (row[ACCOUNT], row[PRODUCT], row[METRIC_TYPE], row[ID])


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)

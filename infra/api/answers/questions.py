"""What the store is asked: each question can be sent to the process that owns the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import ACCOUNT, BILLABLE, CURRENCY, DATABASE, FIRST_YEAR
from infra.sink.closing import ledger, printing
from infra.sink.errors import TooLargeError
from infra.sink.renames.recorded import under_other_names
from infra.sink.trace.stored import Traced, trace
from infra.sink.usage import sql
from infra.sink.usage.answer import ask
from infra.sink.usage.complete import Completeness, complete_until
from infra.sink.usage.events import COLUMNS, EventQuery, count_events, list_events
from infra.sink.usage.query import APART, Period, Query
from infra.sink.usage.sql import Statement

_CATALOG = (
    *("product", "metric_type", "product_title", "title", "description", "owner"),
    *("unit", "unit_title", "dimension", "aggregation"),
    *("deprecated_since", "replaced_by", "remove_in", "aliases"),
)
_MOST_LINES = 10_000
# One id may be that of an event in several workspaces.
_MOST_WORKSPACES = 20
_BEGINNING = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer: its rows by the names of `columns`, and what must be known to read them."""

    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str]
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Events:
    """A page of events, and how many there are."""

    query: EventQuery

    def answer(self, client: Client) -> Result:
        """Returns the page; the number of events is None if they are too many to be counted."""
        query = self.query
        complete = complete_until(client, query.start or _BEGINNING)
        page = list_events(client, query)
        total: int | None = query.offset + len(page.rows)
        if query.after is not None or page.next is not None or (query.offset and not page.rows):
            try:
                total = count_events(client, replace(query, after=None))
            except TooLargeError:
                total = None
        meta = {
            "total": total,
            "limit": query.limit,
            "offset": query.offset,
            "next": None if page.next is None else str(page.next),
        }
        about = {"meta": meta, **about_completeness(complete, query.workspaces)}
        return Result(page.rows, COLUMNS, about)


@dataclass(frozen=True, slots=True)
class Event:
    """What became of an event; `workspaces` None for all that have one of this id."""

    workspaces: tuple[str, ...] | None
    event: str

    def answer(self, client: Client) -> tuple[list[tuple[str, Traced]], Completeness]:
        """Returns the events of this id with their workspaces."""
        allowed = workspaces = self.workspaces
        if workspaces is None or len(workspaces) > 1 or under_other_names(client, workspaces):
            query = EventQuery(workspaces=workspaces, event=self.event, limit=_MOST_WORKSPACES)
            found = {row[ACCOUNT] for row in list_events(client, query).rows}
            if workspaces is not None and len(workspaces) == 1:
                found |= {*workspaces}  # also if only a receipt is left
            workspaces = tuple(sorted(found))
        events = [(each, one) for each in workspaces for one in trace(client, each, self.event)]
        times = [arrival.accepted_at for _, one in events for arrival in one.arrivals]
        complete = complete_until(client, min(times, default=_BEGINNING))
        return events, _seen_by(complete, allowed)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used."""

    query: Query

    def answer(self, client: Client) -> Result:
        """Returns the lines."""
        found = ask(client, self.query)
        about = found.document() | about_completeness(found.complete, self.query.workspaces)
        return Result(about.pop("lines"), found.columns, about)


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a month costs a workspace."""

    workspace: str
    month: date

    def answer(self, client: Client) -> Result:
        """Returns what was kept when the month was closed, or else what it costs now."""
        try:
            closes = ledger.read(client)
            named = (self.workspace,)
            if ledger.remaining(closes, self.month, named) is None:
                closes = ledger.covering(closes, self.month, named)
                rows = list(printing.lines(client, closes, self.month, named))
                start = datetime(self.month.year, self.month.month, 1, tzinfo=UTC)
                complete = complete_until(client, start)
                return self._result(rows, printing.total(rows), closes, complete)
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
        query = Query(workspaces=named, period=Period.month(self.month), limit=_MOST_LINES)
        # What is charged is read from what it is charged for.
        found = ask(client, query, raw=True)
        if found.has_more:
            raise TooLargeError(f"the invoice has more than {_MOST_LINES:,} lines")
        billed = {id(row) for row in found.billed}
        zones = ", ".join(dict.fromkeys(span.time_zone for span in found.spans))
        lines = [
            {
                **row,
                "month": f"{self.month:%Y-%m}",
                "kind": printing.USAGE,
                "time_zone": zones,
                BILLABLE: int(id(row) in billed),
            }
            for row in found.rows
        ]
        return self._result(lines, found.cost, [], found.complete)

    def _result(
        self,
        rows: Sequence[Mapping[str, Any]],
        cost: Any,
        closes: Sequence[ledger.Close],
        complete: Completeness,
    ) -> Result:
        columns = (*printing.COLUMNS, *APART)
        about = {
            ACCOUNT: self.workspace,
            "month": f"{self.month:%Y-%m}",
            "closes": [printing.head(close) for close in closes],
            "cost": cost,
            "currency": CURRENCY or None,
            **about_completeness(complete, (self.workspace,)),
        }
        lines = [{name: row.get(name) for name in columns} for row in rows]
        return Result(lines, columns, about)


@dataclass(frozen=True, slots=True)
class Complete:
    """Up to when usage of workspaces from a time on is complete; None for all workspaces."""

    workspaces: tuple[str, ...] | None
    since: datetime

    def answer(self, client: Client) -> Completeness:
        """Returns it, with the reason."""
        return _seen_by(complete_until(client, self.since), self.workspaces)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be recorded, as the store's release of the catalog says."""

    workspaces: tuple[str, ...] | None
    since: datetime

    def answer(self, client: Client) -> Result:
        """Returns the metric types."""
        text = f"SELECT {', '.join(_CATALOG)} FROM {DATABASE}.catalog_metrics ORDER BY ALL"
        found = sql.fetch(client, Statement(text, {}, _CATALOG))
        rows = [dict(zip(_CATALOG, row, strict=True)) for row in found]
        complete = complete_until(client, self.since)
        return Result(rows, _CATALOG, about_completeness(complete, self.workspaces))


def about_completeness(
    found: Completeness, workspaces: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Returns what an answer about workspaces says, None for all, of its completeness."""
    seen = _seen_by(found, workspaces)
    return {"complete_until": seen.until, "complete_reason": seen.reason}


def _seen_by(found: Completeness, workspaces: tuple[str, ...] | None) -> Completeness:
    """Returns what an answer about some workspaces may say: clients may be of others."""
    return found if workspaces is None else found.of_some()

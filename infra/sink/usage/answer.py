"""The answer to a query: its lines, and what must be known to read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import ACCOUNT, BILLABLE, CURRENCY, DATABASE, FIELDS
from infra.sink.errors import UsageError
from infra.sink.renames import ledger as renames
from infra.sink.renames.billed import Billed
from infra.sink.rollup import read as rollup
from infra.sink.usage import sql
from infra.sink.usage.complete import Completeness, complete_until
from infra.sink.usage.query import Query, Window, next_month
from infra.sink.usage.sql import Statement
from infra.sink.zones import workspaces
from infra.sink.zones.calendar import Calendar, Span

_COST, _AGGREGATION, _UNDECLARED = "cost", "aggregation", "undeclared"
# Of the others, the cost of a whole is not the sum over its parts.
_ADDS_UP = {"sum", "count", "time_weighted"}
_BILLED = {field.name: frozenset(field.billed) for field in FIELDS if field.billed}
_RELEASE = f"SELECT argMax(release, _order) FROM {DATABASE}.catalog_releases"
# The digits of the widest column in the store.
_EXACT = Context(prec=76)


@dataclass(frozen=True, slots=True)
class Answer:
    """The lines of a query, by the names of `columns`, in an order that only they decide.

    `has_more` says that the limit cut it. `spans` are those of the period, as workspaces differ in
    their time zones, and change them; `release` is of the store's catalog.
    """

    query: Query
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    has_more: bool
    spans: tuple[Span, ...]
    release: str
    made_at: datetime
    complete: Completeness

    @property
    def cost(self) -> Decimal | None:
        """What all billed usage costs; None without a cost, and where the lines do not add up."""
        costs = [row[_COST] for row in self.billed if row.get(_COST) is not None]
        if not costs or not self.adds_up:
            return None
        total = Decimal(0)
        for cost in costs:
            total = _EXACT.add(total, cost)
        return total

    @property
    def billed(self) -> list[dict[str, Any]]:
        """The lines of what is billed: billable, and in no other environment."""
        return [
            row
            for row in self.rows
            if row[BILLABLE] and all(row[name] in values for name, values in _BILLED.items())
        ]

    @property
    def adds_up(self) -> bool:
        """Whether the costs of the lines are parts of what the whole period costs.

        They are not on a part of the lines, and where the usage of a metric type whose events are
        not summed is split.
        """
        if self.has_more or self.query.offset:
            return False
        is_split = self.query.window is not None or bool(self.query.group_by)
        return not is_split or all(
            row[_AGGREGATION] in {*_ADDS_UP, _UNDECLARED} for row in self.billed
        )

    def document(self) -> dict[str, Any]:
        """Returns everything as JSON has it, but decimals and times as they are."""
        query = self.query
        return {
            "workspaces": None if query.workspaces is None else list(query.workspaces),
            "from": query.period.start,
            "to": query.period.end,
            "bounds": [
                {"time_zone": each.time_zone, "from": each.start, "to": each.end}
                for each in self.spans
            ],
            "window": query.window,
            "group_by": [str(each) for each in query.group_by],
            "where": {str(each.dimension): list(each.values) for each in query.where},
            "currency": CURRENCY or None,
            "release": self.release,
            "made_at": self.made_at,
            "as_of": query.as_of,
            "complete_until": self.complete.until,
            "complete_reason": self.complete.reason,
            "cost": self.cost,
            "has_more": self.has_more,
            "lines": self.rows,
        }


def ask(
    client: Client,
    query: Query,
    *,
    caught_up_at: datetime | None = None,
    raw: bool = False,
) -> Answer:
    """Returns the answer of the store, from its roll-ups where they answer.

    Args:
        client: an open store.
        query: what is asked.
        caught_up_at: as of `complete_until`.
        raw: read the events only; the lines are the same.

    Raises:
        UsageError: levels over time are cut where days do not end.
        SinkError: the store rejects the query.
    """
    made_at = datetime.now(UTC)
    billed = Billed.of(renames.names(client), query.workspaces)
    calendar = workspaces.calendar(client, query.workspaces)
    spans = tuple(calendar.spans(query.workspaces, query.period.start, query.period.end))
    # Before the lines, so that they have whatever it says.
    complete = (
        complete_until(client, min(each.start for each in spans), caught_up_at=caught_up_at)
        if query.as_of is None
        else Completeness(None, "nobody has noted up to when it was complete then")
    )
    now = query.as_of or made_at
    if query.cuts_days(now):
        _refuse_levels(client, query, billed)
    rolled_up = None if raw else rollup.read(client, query, now, billed)
    if rolled_up is None:
        statement = sql.lines(query, now, sql.contents(client, query, billed), billed)
        found = sql.fetch(client, statement)
    else:
        statement, found = rolled_up
    columns = _columns(statement.columns, query.window)
    rows = [
        _with_window(dict(zip(statement.columns, row, strict=True)), query.window, calendar)
        for row in found[: query.limit]
    ]
    [[release]] = sql.fetch(client, Statement(_RELEASE, {}, ()))
    return Answer(query, columns, rows, len(found) > query.limit, spans, release, made_at, complete)


def _refuse_levels(client: Client, query: Query, billed: Billed) -> None:
    """Raises a UsageError if the period has levels, whose rows are of whole days."""
    rows = sql.fetch(client, sql.levels(query, billed))
    if rows:
        names = ", ".join(f"{product}/{name}" for product, name in rows)
        raise UsageError(
            f"levels over time ({names}) are cut where days end, and not within: ask for days, or "
            "name other metric types"
        )


def latest_month(client: Client, workspace: str) -> date | None:
    """Returns the last month in which a workspace has usage; None without any.

    Raises:
        SinkError: the store rejects the query.
    """
    billed = Billed.of(renames.names(client), [workspace])
    rows = sql.fetch(client, sql.latest(billed))
    return rows[0][0] if rows else None


def _columns(names: Iterable[str], window: Window | None) -> tuple[str, ...]:
    """Returns the names of columns, with those of a window's bounds."""
    found: list[str] = []
    for name in names:
        found += [name, "from", "to"] if name == window else [name]
    return tuple(found)


def _with_window(row: dict[str, Any], window: Window | None, calendar: Calendar) -> dict[str, Any]:
    """Returns a row with the bounds of its window, and the window in the words of its zone."""
    if window is None:
        return row
    workspace, zone, start = row.pop(ACCOUNT), row.pop("time_zone"), row[window]
    match window:
        case "hour":
            end = start + timedelta(hours=1)
            name = start.astimezone(ZoneInfo(zone)).isoformat("T", "minutes")
        case "day":
            end, name = start + timedelta(days=1), start.isoformat()
        case "month":
            end, name = next_month(start), f"{start:%Y-%m}"
    return {
        ACCOUNT: workspace,
        "time_zone": zone,
        window: name,
        "from": calendar.begins(workspace, start),
        "to": calendar.begins(workspace, end),
        **{name: value for name, value in row.items() if name != window},
    }

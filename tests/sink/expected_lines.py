"""The lines of a query, computed event by event from the rows as they arrived."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from infra.sink.usage.query import Dimension, Query
from tests.sink.expected_usage import Event, expected_usage, identity

_EXACT = Context(prec=76)
_COUNTED = {"", "ended", "timed_out"}


@dataclass(frozen=True)
class Row:
    """A row of usage: the event that it is of, what it amounts to, and its zone."""

    event: Event
    quantity: Decimal
    billable: int
    cost: Decimal | None
    state: str
    zone: str

    @property
    def local(self) -> datetime:
        """When it occurred, by the clocks of its zone."""
        occurred_at: datetime = self.event["occurred_at"]
        return occurred_at.astimezone(ZoneInfo(self.zone))

    @property
    def position(self) -> Any:
        """The order of events, for the last of them."""
        return (self.event["occurred_at"], self.event["ts"], self.event["seq"])


def rows(
    arrived: Sequence[Event],
    now: datetime,
    zone_of: Callable[[Event], str],
    aggregations: Mapping[str, str],
) -> list[Row]:
    """Returns every event and session that counts, once."""
    first: dict[Any, Event] = {}
    for event in arrived:
        first.setdefault(identity(event), event)
    found = []
    for key, (quantity, billable, given, state) in expected_usage(arrived, now).items():
        event = first[key]
        cost, price = given, event["unit_cost"]
        if cost is None and price is not None:
            cost = price * (1 if aggregations[event["metric_type"]] == "count" else quantity)
        found.append(Row(event, quantity, billable, cost, state, zone_of(event)))
    return found


def lines(
    usage: Iterable[Row], query: Query, aggregations: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Returns what a query must answer."""
    groups = defaultdict(list)
    for row in usage:
        if _is_wanted(row, query):
            groups[tuple(_key(row, query).items())].append(row)
    found = [{**dict(key), **_measures(group, aggregations)} for key, group in groups.items()]
    order = list(_order(query))
    return sorted(
        found,
        key=lambda line: [-line[name] if name == "is_billable" else line[name] for name in order],
    )


def _order(query: Query) -> Iterable[str]:
    yield "workspace_id"
    if query.window:
        yield from ("time_zone", "from")
    yield from ("product", "metric_type", "is_billable", "environment")
    yield from (str(each) for each in query.group_by)


def _key(row: Row, query: Query) -> dict[str, Any]:
    event = row.event
    key = {"workspace_id": event["workspace_id"]}
    if query.window:
        key |= _window(row, query.window)
    key |= {
        "product": event["product"],
        "metric_type": event["metric_type"],
        "is_billable": row.billable,
        "environment": event["environment"],
    }
    return key | {str(each): value(event, each) for each in query.group_by}


def _window(row: Row, window: str) -> dict[str, Any]:
    zone, local = ZoneInfo(row.zone), row.local
    if window == "hour":
        # By the clock, so that the hour that is repeated is two.
        start = local.replace(minute=0, second=0, microsecond=0)
        begin = start.astimezone(UTC)
        end, name = begin + timedelta(hours=1), start.isoformat("T", "minutes")
    else:
        day = local.date()
        first = day if window == "day" else day.replace(day=1)
        after = first + timedelta(days=1 if window == "day" else 31)
        last = after if window == "day" else after.replace(day=1)
        begin, end = (_midnight(each, zone) for each in (first, last))
        name = str(first) if window == "day" else str(first)[:7]
    return {"time_zone": row.zone, window: name, "from": begin, "to": end}


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def value(event: Event, dimension: Dimension) -> str:
    """Returns a dimension's value as text."""
    if dimension.key is None:
        return str(event[dimension.field])
    found = json.loads(event["metadata"]).get(dimension.key)
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def _is_wanted(row: Row, query: Query) -> bool:
    event = row.event
    if query.workspaces is not None and event["workspace_id"] not in query.workspaces:
        return False
    if query.billable is not None and row.billable != query.billable:
        return False
    for each in query.where:
        found = event[each.dimension.field]
        values = (found or [""]) if isinstance(found, list) else [value(event, each.dimension)]
        if not set(values) & set(each.values):
            return False
    start, end = query.period.start, query.period.end
    return bool(_place(row, start) >= start and _place(row, end) < end)


def _place(row: Row, bound: date | datetime) -> Any:
    return row.event["occurred_at"] if isinstance(bound, datetime) else row.local.date()


def _measures(group: list[Row], aggregations: Mapping[str, str]) -> dict[str, Any]:
    how = aggregations[group[0].event["metric_type"]]
    last = max(group, key=lambda row: row.position)
    greatest = max(group, key=lambda row: (row.quantity, row.position))
    costs = [row.cost for row in group if row.cost is not None]
    quantity, cost = _sum(row.quantity for row in group), _sum(costs)
    match how:
        case "count":
            quantity = Decimal(sum(row.state in _COUNTED for row in group))
        case "max":
            quantity, cost = greatest.quantity, greatest.cost or Decimal(0)
        case "last":
            quantity, cost = last.quantity, last.cost or Decimal(0)
    return {
        "aggregation": how,
        "events": len(group),
        "open_sessions": sum(row.state == "open" for row in group),
        "without_value": 0,
        "quantity": quantity,
        "unpriced": len(group) - len(costs),
        "cost": cost if costs else None,
    }


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for each in values:
        total = _EXACT.add(total, each)
    return total

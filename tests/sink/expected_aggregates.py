"""The invoice lines that aggregations must give, computed event by event with fractions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.sink.expected_usage import Event, not_taken_back

# Workspace, first day of the period, product, metric type, billable.
Key = tuple[str, date, str, str, int]
# Events, those without a value, quantity, those without a price, cost.
Line = tuple[int, int, Fraction, int, Fraction | None]
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the quantities of a metric type are aggregated; `value` is that of `of` or `series`."""

    aggregation: str
    value: str = ""
    seconds: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """What one event adds to a line: all of it, or what a level holds in the period."""

    event: Event
    value: str
    quantity: Fraction
    cost: Fraction | None

    @property
    def position(self) -> Any:
        event = self.event
        return (event["occurred_at"], event["ts"], event["seq"], event["event_id"])


def first_of_day(day: date) -> date:
    return day


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def expected_lines(
    arrived: Iterable[Event],
    rules: Mapping[str, Rule],
    first: Callable[[date], date],
    zones: Mapping[str, ZoneInfo],
    now: datetime,
) -> dict[Key, Line]:
    """Returns the lines of the periods that begin at `first` of their days, by what they are of."""
    parts: dict[Key, list[Part]] = defaultdict(list)
    series: dict[Any, list[Event]] = defaultdict(list)
    for event in not_taken_back(arrived).values():
        rule = rules[event["metric_type"]]
        value = _value(event, rule)
        if rule.aggregation == "time_weighted" and value:
            same = (event["workspace_id"], event["metric_type"], event["environment"], value)
            series[same].append(event)
            continue
        period = first(event["occurred_at"].astimezone(zones[event["workspace_id"]]).date())
        quantity, cost = Fraction(event["quantity"]), _price(event, rule)
        if rule.aggregation == "time_weighted":
            quantity, cost = Fraction(0), None if cost is None else Fraction(0)
        parts[_key(event, period)].append(Part(event, value, quantity, cost))
    for levels in series.values():
        levels.sort(key=lambda e: (e["occurred_at"], e["ts"], e["seq"], e["event_id"]))
        for event, later in zip(levels, [*levels[1:], None], strict=True):
            rule = rules[event["metric_type"]]
            until = min(now, later["occurred_at"]) if later else now
            zone = zones[event["workspace_id"]]
            for period, held in _periods(event, until, first, zone):
                parts[_key(event, period)].append(_share(event, rule, held))
    return {key: _line(found, rules[key[3]].aggregation) for key, found in parts.items()}


def _value(event: Event, rule: Rule) -> str:
    if not rule.value.startswith("metadata."):
        return str(event[rule.value]) if rule.value else ""
    value = json.loads(event["metadata"]).get(rule.value.removeprefix("metadata."), "")
    return value if isinstance(value, str) else json.dumps(value)


def _key(event: Event, period: date) -> Key:
    of = (event["product"], event["metric_type"], event["is_billable"])
    return (event["workspace_id"], period, *of)


def _price(event: Event, rule: Rule) -> Fraction | None:
    if event["cost"] is not None:
        return Fraction(event["cost"])
    if event["unit_cost"] is None:
        return None
    if rule.aggregation in {"count", "unique"}:
        return Fraction(event["unit_cost"])
    return Fraction(event["unit_cost"]) * Fraction(event["quantity"])


def _periods(
    event: Event, until: datetime, first: Callable[[date], date], zone: ZoneInfo
) -> Iterator[tuple[date, tuple[timedelta, bool]]]:
    """Yields the periods in which a level holds, day by day, and whether it began there."""
    began = event["occurred_at"]
    day = began.astimezone(zone).date()
    held: dict[date, timedelta] = {first(day): timedelta(0)}
    own = first(day)
    while _start(day, zone) < until and event["quantity"]:
        ends = min(until, _start(day + timedelta(days=1), zone))
        time = ends - max(began, _start(day, zone))
        if time > timedelta(0):
            held[first(day)] = held.get(first(day), timedelta(0)) + time
        day += timedelta(days=1)
    for period, time in held.items():
        yield period, (time, period == own)


def _start(day: date, zone: ZoneInfo) -> datetime:
    """Returns the first moment of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _share(event: Event, rule: Rule, held: tuple[timedelta, bool]) -> Part:
    time, is_own = held
    units = Fraction(time // _MILLISECOND, 1000 * rule.seconds)
    quantity, cost = Fraction(event["quantity"]) * units, None
    if event["cost"] is not None:
        cost = Fraction(event["cost"]) if is_own else Fraction(0)
    elif event["unit_cost"] is not None:
        cost = _rounded(quantity * Fraction(event["unit_cost"]), 24)
    return Part(event, _value(event, rule), _rounded(quantity, 12), cost)


def _line(parts: list[Part], aggregation: str) -> Line:
    unpriced = sum(part.cost is None for part in parts)
    needs_value = aggregation in {"unique", "time_weighted"}
    without_value = sum(not part.value for part in parts) if needs_value else 0
    quantity, cost = _TOTALS[aggregation](parts)
    return (
        len(parts),
        without_value,
        quantity,
        unpriced,
        None if unpriced == len(parts) else cost,
    )


def _summed(parts: list[Part]) -> tuple[Fraction, Fraction]:
    return (
        sum((part.quantity for part in parts), Fraction(0)),
        sum((part.cost or Fraction(0) for part in parts), Fraction(0)),
    )


def _counted(parts: list[Part]) -> tuple[Fraction, Fraction]:
    return Fraction(len(parts)), _summed(parts)[1]


def _chosen(part: Part) -> tuple[Fraction, Fraction]:
    return part.quantity, part.cost or Fraction(0)


def _mean(parts: list[Part]) -> tuple[Fraction, Fraction]:
    quantity, cost = _summed(parts)
    return _rounded(quantity / len(parts), 12), _rounded(cost / len(parts), 24)


def _different(parts: list[Part]) -> tuple[Fraction, Fraction]:
    prices: dict[str, Fraction] = {}
    values = {part.value for part in parts if part.value}
    for part in sorted(parts, key=lambda part: part.position):
        if part.value and part.cost is not None:
            prices.setdefault(part.value, part.cost)
    return Fraction(len(values)), sum(prices.values(), Fraction(0))


_TOTALS: Mapping[str, Callable[[list[Part]], tuple[Fraction, Fraction]]] = {
    "sum": _summed,
    "count": _counted,
    "max": lambda parts: _chosen(max(parts, key=lambda p: (p.quantity, p.position))),
    "min": lambda parts: _chosen(max(parts, key=lambda p: (-p.quantity, p.position))),
    "last": lambda parts: _chosen(max(parts, key=lambda p: p.position)),
    "avg": _mean,
    "unique": _different,
    "time_weighted": _summed,
}


def _rounded(value: Fraction, digits: int) -> Fraction:
    """Rounds half to even, as round() of a fraction does."""
    return Fraction(round(value * 10**digits), 10**digits)

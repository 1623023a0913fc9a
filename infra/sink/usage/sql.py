"""The SQL of queries: names come from the generated list of fields, and values are bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import (
    ACCOUNT,
    AS_OF_SUFFIX,
    BILLABLE,
    BOUNDARY,
    DATABASE,
    METRIC_TYPE,
    PRODUCT,
    TABLE,
    TIME,
    USAGE_DETAIL,
    USAGE_DETAIL_BY_DAY,
    USAGE_DETAIL_BY_MONTH,
    USAGE_DETAIL_WITHOUT_SESSIONS,
    USAGE_LEVELS,
)
from infra.sink._generated.lines import COLUMNS, MEASURES, MEASURES_OF_SUMS, SUMS
from infra.sink.renames.billed import Billed
from infra.sink.usage.query import APART, EVENT_TYPE, LISTS, Bound, Dimension, Filter, Period, Query

TIME_TYPE = "DateTime64(3, 'UTC')"
# Beyond it groups and sorts are on disk, so that history does not bound what can be asked.
SPILL_BEYOND = 256 << 20
_SPILLING = ("max_bytes_before_external_group_by", "max_bytes_before_external_sort")
# The right sides of the views' joins are small, also where the tables that they read are not: else
# a month's events are held in memory, to find the few that have copies in several months.
AS_WRITTEN = {"query_plan_join_swap_table": 0}
SETTINGS = {
    **dict.fromkeys(_SPILLING, SPILL_BEYOND),
    "max_memory_usage": 4 << 30,
    **AS_WRITTEN,
}
# A zone is ahead of or behind UTC by less.
_OFFSET = timedelta(days=1)
_HOUR_MS = 3_600_000
# Beside whatever else lines are told apart by: a metric type may have had others in older releases.
_MEANING = ("unit", "unit_title", "aggregation")

_AGGREGATIONS = f"SELECT groupUniqArray(aggregation) FROM {DATABASE}.catalog_releases"
_LEVELS = "time_weighted"


@dataclass(frozen=True, slots=True)
class Statement:
    """A query of the store, its parameters, and the names of the columns of its result."""

    text: str
    parameters: dict[str, Any]
    columns: tuple[str, ...]


@dataclass(slots=True)
class Parameters:
    """Values that are bound, each under a name of its own."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, kind: str) -> str:
        """Returns the placeholder of a value."""
        name = f"p{len(self.values)}"
        self.values[name] = store.bound(value) if isinstance(value, datetime) else value
        return f"{{{name}:{kind}}}"


@dataclass(frozen=True, slots=True)
class Contents:
    """What there may be beside events that are summed: sessions, and other aggregations.

    Most workspaces have neither, and planning a query of all takes several times as long as
    reading the month of one workspace. `aggregations` None means any.
    """

    sessions: bool = bool(BOUNDARY)
    aggregations: frozenset[str] | None = None

    @property
    def levels(self) -> bool:
        """Whether there may be quantities that are weighed by time."""
        return self.aggregations is None or _LEVELS in self.aggregations

    @property
    def only_sums(self) -> bool:
        """Whether events are summed or counted, and nothing else."""
        return self.aggregations is not None and self.aggregations <= SUMS


def spill_beyond(client: Client, mebibytes: int) -> None:
    """Sets how much memory groups and sorts of a client's queries take before they are on disk."""
    for name in _SPILLING:
        client.set_client_setting(name, mebibytes << 20)


def fetch(client: Client, statement: Statement) -> Sequence[Sequence[Any]]:
    """Returns the rows of a statement's result.

    Raises:
        SinkError: the store rejects it.
    """
    # A client may have bounds of its own, over which those of a query would have precedence.
    settings = {
        name: value for name, value in SETTINGS.items() if client.get_client_setting(name) is None
    }
    try:
        return client.query(statement.text, statement.parameters, settings=settings).result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def latest(billed: Billed) -> Statement:
    """Returns the statement for the last month in which workspaces have usage."""
    text = f"""\
SELECT max(_detail.month) FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH} AS _detail
WHERE {" AND ".join(billed.conditions("_detail.month"))} HAVING count() > 0"""
    return Statement(text, billed.parameters, ())


def contents(client: Client, query: Query, billed: Billed | None = None) -> Contents:
    """Returns what the workspaces of a query have.

    Raises:
        SinkError: the store rejects the question.
    """
    billed = billed or Billed.as_recorded(query.workspaces)
    conditions = " AND ".join([f"{BOUNDARY} != ''", *billed.are_recorded()])
    sessions = f"SELECT count() > 0 FROM {DATABASE}.{TABLE} WHERE {conditions}"
    text = f"SELECT ({sessions if BOUNDARY else 0}), ({_AGGREGATIONS})"
    [[has_sessions, aggregations]] = fetch(client, Statement(text, billed.parameters, ()))
    return Contents(bool(has_sessions), frozenset(aggregations))


def lines(
    query: Query,
    now: datetime,
    has: Contents = Contents(),
    billed: Billed | None = None,
    bound: Parameters | None = None,
) -> Statement:
    """Returns the statement for the lines of a query, one more than its limit.

    Args:
        query: what is asked.
        now: when it is asked.
        has: what the workspaces have, if it is known.
        billed: the names under which they are billed, unless each has its own.
        bound: the values of a statement that this one is a part of.
    """
    bound = bound or Parameters()
    billed = billed or Billed.as_recorded(query.workspaces)
    bound.values |= billed.parameters
    keys = dict(_keys(query, billed, bound))
    names = [f"_key{number}" for number in range(len(keys))]
    expressions = ", ".join(
        f"{expression} AS {name}" for name, expression in zip(names, keys.values(), strict=True)
    )
    conditions = [*period(query.period, bound), *billed.conditions("_detail.month")]
    conditions += _conditions(query, bound)
    order = [
        f"{name} DESC" if key == BILLABLE else name for name, key in zip(names, keys, strict=True)
    ]
    text = f"""\
SELECT {expressions}, {MEASURES_OF_SUMS if has.only_sums else MEASURES}
FROM {_view(_source(query, now, has), query, bound)} AS _detail
WHERE {" AND ".join(conditions)}
GROUP BY {", ".join([*names, *_MEANING])}
ORDER BY {", ".join([*order, *_MEANING])}
LIMIT {query.limit + 1} OFFSET {query.offset}"""
    return Statement(text, bound.values, (*keys, *COLUMNS))


def _source(query: Query, now: datetime, has: Contents) -> str:
    """Returns the view of the rows that lines add up: a level has one in each day or month."""
    if query.cuts_days(now) or not has.levels:
        return USAGE_DETAIL if has.sessions else USAGE_DETAIL_WITHOUT_SESSIONS or USAGE_DETAIL
    is_by_month = query.period.is_of_months and query.window != "day"
    return USAGE_DETAIL_BY_MONTH if is_by_month else USAGE_DETAIL_BY_DAY


def _view(name: str, query: Query, bound: Parameters) -> str:
    """Returns a view as of the time that is asked."""
    view = f"{DATABASE}.{name}"
    if query.as_of is None:
        return view
    return f"{view}{AS_OF_SUFFIX}(as_of={bound.bind(query.as_of, TIME_TYPE)})"


def levels(query: Query, billed: Billed) -> Statement:
    """Returns the statement for the metric types with levels that may hold in the period."""
    bound = Parameters(billed.parameters)
    conditions = [f"{TIME} < {bound.bind(_latest(query.period), TIME_TYPE)}"]
    conditions += billed.are_recorded()
    conditions += _conditions(query, bound)
    text = f"""\
SELECT DISTINCT {PRODUCT}, {METRIC_TYPE}
FROM {_view(USAGE_LEVELS, query, bound)}
WHERE {" AND ".join(conditions)}
ORDER BY ALL"""
    return Statement(text, bound.values, (PRODUCT, METRIC_TYPE))


def _latest(asked: Period) -> datetime:
    return asked.end if isinstance(asked.end, datetime) else _outside(asked.end, "<")


def period(asked: Period, bound: Parameters) -> Iterator[str]:
    """Yields the conditions for the usage of a period."""
    for sign, value in ((">=", asked.start), ("<", asked.end)):
        if isinstance(value, datetime):
            yield f"{TIME} {sign} {bound.bind(value, TIME_TYPE)}"
            continue
        column = "month" if asked.is_of_months else "day"
        yield f"_detail.{column} {sign} {bound.bind(value, 'Date32')}"
        # What lies outside in any zone need not be cut into days first.
        yield f"{TIME} {sign} {bound.bind(_outside(value, sign), TIME_TYPE)}"


def _outside(day: Bound, sign: str) -> datetime:
    midnight = datetime.fromisoformat(f"{day:%Y-%m-%d}T00:00:00+00:00")
    return midnight - _OFFSET if sign == ">=" else midnight + _OFFSET


def _conditions(query: Query, bound: Parameters) -> Iterator[str]:
    if query.billable is not None:
        yield f"{BILLABLE} = {int(query.billable)}"
    yield from where(query.where, bound)


def where(filters: Iterable[Filter], bound: Parameters) -> Iterator[str]:
    """Yields the conditions of filters."""
    for each in filters:
        values = bound.bind(list(each.values), "Array(String)")
        name = each.dimension.field
        if name in LISTS:
            items = f"if(empty({name}), [''], arrayMap(_item -> toString(_item), {name}))"
            yield f"hasAny({items}, {values})"
        else:
            yield f"{value_of(each.dimension, bound)} IN {values}"


def value_of(dimension: Dimension, bound: Parameters) -> str:
    """Returns the expression for a dimension's value as text, empty where an event lacks it."""
    if dimension.field == EVENT_TYPE:
        return f"concat({PRODUCT}, '.', {METRIC_TYPE})"
    if dimension.key is None:
        return dimension.field
    path = f"{dimension.field}, {bound.bind(dimension.key, 'String')}"
    kind, text = f"JSONType({path})", f"JSONExtractString({path})"
    return f"multiIf({kind} = 'String', {text}, {kind} = 'Null', '', JSONExtractRaw({path}))"


def _keys(query: Query, billed: Billed, bound: Parameters) -> Iterator[tuple[str, str]]:
    """Yields the name and the expression of what tells lines apart."""
    yield ACCOUNT, billed.account("_detail.month")
    if query.window is not None:
        yield "time_zone", "_detail.time_zone"
        yield (
            query.window,
            _hour() if query.window == "hour" else f"_detail.{query.window}",
        )
    for name in (PRODUCT, METRIC_TYPE, BILLABLE, *APART):
        yield name, name
    for dimension in query.group_by:
        if dimension.field not in APART:
            yield str(dimension), value_of(dimension, bound)


def _hour() -> str:
    """Returns the beginning of an hour: zones are not whole hours apart, and clocks are changed."""
    time = f"toUnixTimestamp64Milli({TIME})"
    return (
        f"fromUnixTimestamp64Milli({time} - "
        f"positiveModulo({time} + 1000 * toInt64(_detail.utc_offset), {_HOUR_MS}), 'UTC')"
    )

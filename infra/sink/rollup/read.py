"""Reads usage from the roll-ups where they answer, and what they lack from the events.

The lines are those that the events make. Roll-ups hold whole days, and tell few columns apart. The
days that are pending, and those whose open sessions may have timed out, are read from the events,
as are metric types whose days do not add up. Where much is pending, so is everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCOUNT,
    BILLABLE,
    DATABASE,
    METRIC_TYPE,
    PRODUCT,
    ROLLUP,
    TIME,
)
from infra.sink._generated.lines import COLUMNS
from infra.sink._generated.rollup import CHOSEN, KEYS, OF_LINES, RESULT
from infra.sink.renames.billed import Billed
from infra.sink.rollup import sql
from infra.sink.rollup.state import State
from infra.sink.usage import sql as events
from infra.sink.usage.query import APART, EVENT_TYPE, MOST_LINES, Dimension, Filter, Query
from infra.sink.usage.sql import Parameters, Statement, fetch

_MEANING = ("unit", "unit_title", "aggregation")
_TOLD_APART = {PRODUCT, METRIC_TYPE, EVENT_TYPE, *APART}
# With more, whole months are read from the events anyway: tests/bench/store_rollup.py measures it.
_MOST_PENDING = 500
# Beside those of roll-ups, as a metric type may have had another aggregation in older releases.
_CATALOG = f"""\
SELECT (
    arraySort(groupUniqArrayIf({METRIC_TYPE}, NOT ({sql.IS_KEPT}))),
    countIf(aggregation IN ('max', 'min', 'last')) > 0
) FROM {DATABASE}.catalog_releases"""
# The arrays are of one moment, however often they are looked up.
_SOME_DAYS = "SELECT _day.1, _day.2, _day.3, _day.4 FROM (SELECT arrayJoin(_days) AS _day)"
_SOME_METRICS = "SELECT _of.1, _of.2, _of.3 FROM (SELECT arrayJoin(_metrics) AS _of)"
_ACCOUNTS = "SELECT arrayJoin(arrayMap(_some -> _some.1, _both))"
_BOTH = "SELECT _some.1, _some.2, _some.3 FROM (SELECT arrayJoin(_both) AS _some)"
_NOT_PENDING = f"""
        AND ({sql.DAY}) NOT IN ({_SOME_DAYS})
        AND ({sql.METRIC}) NOT IN ({_SOME_METRICS})"""
_MONTH = "makeDate32(toYear(on_day), toMonth(on_day), 1)"
_VERSION = Statement(sql.LAST_VERSION, {}, ())


def read(
    client: Client, query: Query, now: datetime, billed: Billed | None = None
) -> tuple[Statement, Sequence[Sequence[Any]]] | None:
    """Returns the statement for the lines of a query, and its rows; None to read the events.

    Args:
        client: the store.
        query: what is asked.
        now: when it is asked.
        billed: the names under which its workspaces are billed, unless each has its own.

    Raises:
        SinkError: the store rejects a query.
    """
    start, end = query.period.start, query.period.end
    if isinstance(start, datetime) or isinstance(end, datetime) or not _answers(query):
        return None
    state = State.read(client)
    if state.as_of is None:
        return None
    billed = billed or Billed.as_recorded(query.workspaces)
    statement = _Reading(query, start, end, state, billed).statement(client, now)
    if statement is None:
        return None
    rows = fetch(client, statement)
    [[version_after]] = fetch(client, _VERSION)
    # Else a refresh may have replaced only one of two days between which usage moved.
    return (statement, rows) if version_after == state.version else None


def _answers(query: Query) -> bool:
    """Reports whether roll-ups tell apart what a query does."""
    named = {each.field for each in query.group_by} - {*APART}
    asked = {each.dimension.field for each in query.where} - _TOLD_APART
    return not (named or asked or query.as_of or query.window == "hour")


class _Reading:
    """The statement for the lines of a query, and what it is made of."""

    def __init__(self, query: Query, start: date, end: date, state: State, billed: Billed) -> None:
        self._query = query
        self._billed = billed
        self._bound = bound = Parameters({"since": str(state.since), **billed.parameters})
        first, last = bound.bind(start, "Date32"), bound.bind(end, "Date32")
        self._is_of_period = f"on_day >= {first} AND on_day < {last}"
        # The days of any zone lie within one day of those in UTC.
        self._first, self._last = f"addDays({first}, -1)", f"addDays({last}, 1)"
        self._whose = " AND ".join(billed.are_recorded()) or "1"
        self._has_sessions = True
        self._measures = tuple(OF_LINES)
        self._near = f"{self._whose} AND utc_day >= {self._first} AND utc_day < {self._last}"

    def statement(self, client: Client, now: datetime) -> Statement | None:
        """Returns the statement; None if the events are to be read."""
        query = self._query
        decides = f"{self._near} OR _related > 0 OR _backdated > 0"
        asked = f"""\
SELECT
    (SELECT count() FROM ({sql.MAY_HAVE_CHANGED})),
    (SELECT countIf({decides}) FROM ({sql.pending(self._whose)})),
    (SELECT count() FROM ({sql.with_open_sessions(self._near)})),
    ({_CATALOG}) AS _catalog,
    _catalog.1,
    _catalog.2"""
        [found] = fetch(client, Statement(asked, self._bound.values, ()))
        changed, arrived, opened, _, others, chooses = found
        if not chooses:
            self._measures = tuple(name for name in OF_LINES if name not in CHOSEN)
        is_far = query.offset + query.limit > MOST_LINES
        if changed or arrived + opened > _MOST_PENDING or (others and is_far):
            return None
        text = self._with_pending(client) if arrived or opened else self._lines()
        if others:
            text += f"\nUNION ALL\n{self._of_events(others, now)}"
        keys = dict(self._keys())
        order = [f"_key{n} DESC" if key == BILLABLE else f"_key{n}" for n, key in enumerate(keys)]
        order += [f"_{name}" for name in _MEANING]
        text = f"""\
SELECT * FROM
(
{text}
)
ORDER BY {", ".join(order)}
LIMIT {query.limit + 1} OFFSET {query.offset}"""
        return Statement(text, self._bound.values, (*keys, *COLUMNS))

    def _with_pending(self, client: Client) -> str:
        """Returns the query for lines where there are pending days."""
        has_sessions = Statement(sql.has_sessions(self._whose), self._bound.values, ())
        [[self._has_sessions]] = fetch(client, has_sessions)
        days = f"""\
SELECT DISTINCT {sql.DAY} FROM ({sql.pending(self._near)})
UNION DISTINCT
{sql.with_open_sessions(self._near)}"""
        # What takes an event back, or ends a session, may have any day.
        metrics = f"""\
SELECT DISTINCT {sql.METRIC} FROM ({sql.pending(self._whose)})
WHERE _related > 0 OR _backdated > 0"""
        return self._lines(days, metrics)

    def _lines(self, days: str = "", metrics: str = "") -> str:
        """Returns the query for lines, those of pending days from the events."""
        head, source = "", self._rolled_up(_NOT_PENDING if days else "")
        if days:
            head = f"""\
WITH
    (SELECT groupArray(({sql.DAY})) FROM ({days})) AS _days,
    (SELECT groupArray(({sql.METRIC})) FROM ({metrics})) AS _metrics,
    arrayConcat(_metrics, arrayMap(_day -> (_day.1, _day.2, _day.3), _days)) AS _both
"""
            source += f"\nUNION ALL\n{self._pending()}"
        keys = [f"{of} AS _key{number}" for number, (_, of) in enumerate(self._keys())]
        names = [f"_key{number}" for number in range(len(keys))]
        conditions = [self._is_of_period, *self._billed.conditions(_MONTH)]
        if self._query.billable is not None:
            conditions.append(f"{BILLABLE} = {int(self._query.billable)}")
        conditions += events.where(self._query.where, self._bound)
        sums = [f"{OF_LINES[name]} AS _{name}" for name in self._measures]
        summed = [f"_{name} AS {name}" for name in self._measures]
        unread = CHOSEN.keys() - {*self._measures}
        summed += [f"_{CHOSEN[name]} AS {name}" for name in unread if CHOSEN[name] in OF_LINES]
        results = [f"{RESULT.get(name, name)} AS _{name}" for name in COLUMNS]
        return f"""\
{head}SELECT {", ".join((*names, *results))}
FROM
(
    SELECT {", ".join((*names, *_MEANING, *summed))}
    FROM
    (
        SELECT {", ".join((*keys, *_MEANING, *sums))}
        FROM
        (
{source}
        )
        WHERE {" AND ".join(conditions)}
        GROUP BY {", ".join((*names, *_MEANING))}
    )
)"""

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Yields what tells lines apart, and how lines of days have it."""
        yield ACCOUNT, self._billed.account(_MONTH)
        window = self._query.window
        if window is not None:
            yield "time_zone", "time_zone"
            yield window, "on_day" if window == "day" else _MONTH
        for name in (PRODUCT, METRIC_TYPE, BILLABLE, *APART):
            yield name, name

    def _rolled_up(self, further: str) -> str:
        names = (*KEYS, *self._measures)
        columns = ", ".join(f"lines.{name}" for name in names)
        return f"""\
SELECT {sql.METRIC}, {", ".join(names)}
FROM
(
    SELECT {sql.METRIC}, {columns}
    FROM {DATABASE}.{ROLLUP} FINAL
    WHERE {self._near}{further}
    SETTINGS do_not_merge_across_partitions_select_final = 1
)
ARRAY JOIN {", ".join(f"lines.{name} AS {name}" for name in names)}"""

    def _pending(self) -> str:
        """Returns the query for the lines of pending days, which reads their months only."""
        day = "arrayMap(_day -> _day.4, _days)"
        first = f"if(empty(_metrics), arrayMin({day}), {self._first})"
        end = f"if(empty(_metrics), addDays(arrayMax({day}), 1), {self._last})"
        condition = f"""\
{TIME} >= toDateTime64({first}, 3, 'UTC') AND {TIME} < toDateTime64({end}, 3, 'UTC')
    AND {ACCOUNT} IN ({_ACCOUNTS})
    AND ({sql.METRIC}) IN ({_BOTH})
    AND (({sql.METRIC}, {sql.DAY_OF}) IN ({_SOME_DAYS}) OR ({sql.METRIC}) IN ({_SOME_METRICS}))"""
        names = ", ".join((*KEYS, *self._measures))
        lines = sql.lines(condition, sessions=self._has_sessions)
        return f"SELECT {sql.METRIC}, {names} FROM ({lines})"

    def _of_events(self, others: Sequence[str], now: datetime) -> str:
        """Returns the query for the lines of metric types whose days do not add up."""
        only = Filter(Dimension(METRIC_TYPE), tuple(others))
        query = replace(self._query, where=(*self._query.where, only), offset=0, limit=MOST_LINES)
        text = events.lines(query, now, billed=self._billed, bound=self._bound).text
        return f"SELECT * FROM ({text}) WHERE NOT ({sql.IS_KEPT})"

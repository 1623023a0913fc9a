"""The SQL of what differs from what closes hold: events, and the lines that they change.

An event is looked up in each month that is closed for its workspace, where it counts now, where a
close holds it, or both. Why it differs is told by what is known now:

    late       it arrived after the month was closed, or while it was
    voided     it was taken back
    restored   what took it back was taken back itself
    session    it is a session that has ended, or whose start is another event now
    release    another release of the catalog gives its unit or aggregation
    zone       the month of the workspace is cut in another time zone
    level      another level of its series ends it elsewhere, so that it holds for another time
    conflict   another copy of it counts, with another quantity, cost or time
    removed    the store no longer has it in this month: it was erased, or another copy counts
"""

from __future__ import annotations

from infra.sink._generated.fields import (
    ACCOUNT,
    BILLABLE,
    BILLED,
    BILLED_BY_MONTH,
    CLOSE_EVENTS,
    CLOSE_LINES,
    CLOSES,
    COST,
    DATABASE,
    FIELDS,
    ID,
    INGESTED,
    METRIC_TYPE,
    PRODUCT,
    QUANTITY,
    RETENTION_SECONDS,
    SESSIONS,
    STATUS,
    TABLE,
    USAGE_DETAIL_BY_MONTH,
    VOID_FIELD,
    VOID_STATUS,
    VOIDED,
)
from infra.sink._generated.lines import LINE_NOT_ERASED, MEASURES
from infra.sink.renames.billed import Billed

CLOSES_TABLE = f"{DATABASE}.{CLOSES}"
EVENTS_TABLE = f"{DATABASE}.{CLOSE_EVENTS}"
LINES_TABLE = f"{DATABASE}.{CLOSE_LINES}"
METRIC = f"{ACCOUNT}, month, {PRODUCT}, {METRIC_TYPE}"
IDENTITY = f"{METRIC}, {ID}"
_EVENT = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {ID}"
LINE = f"{METRIC}, {BILLABLE}, unit, unit_title, aggregation"
# What a catalog without sessions or costs lacks.
_SESSION_STATE = "session_state" if SESSIONS else "''"
_COST = "exact_cost" if COST else "NULL"
# Usage in any other environment is not billed, whatever its event says.
_BILLABLE = " AND ".join(
    [
        BILLABLE,
        *(
            f"{field.name} IN ({', '.join(repr(str(value)) for value in field.billed)})"
            for field in FIELDS
            if field.billed
        ),
    ]
)

# The columns of the events of a close, after its id.
EVENT_COLUMNS = (
    f"{IDENTITY}, counted, {BILLABLE}, title, unit, unit_title, aggregation, time_zone, "
    "session_state, exact_quantity, exact_cost, position, unique_value, series, reason, because"
)
# Those of its lines, without their month's time zone.
LINE_COLUMNS = (
    f"{METRIC}, {BILLABLE}, title, unit, unit_title, aggregation, "
    "events, open_sessions, quantity, unpriced, cost"
)


# A month whose events the store has begun to drop stays what it was: none of them is removed. In
# some time zones it has those of the last hours of the month before it.
_KEPT = (
    f" AND month > toDate32(now64(3, 'UTC') - toIntervalSecond({RETENTION_SECONDS}))"
    if RETENTION_SECONDS
    else ""
)
# Of a store without renames.
_AS_RECORDED = Billed()


def open_part(scope: tuple[str, ...], billed: Billed = _AS_RECORDED) -> str:
    """Returns the condition for what a close of {month} bills for the first time."""
    return f"month = {{month:Date32}} AND {_not_closed(scope, billed)}"


def closed_part(scope: tuple[str, ...], billed: Billed = _AS_RECORDED) -> str:
    """Returns the condition for the closed months that a close of {month} brings up to date."""
    return f"month < {{month:Date32}} AND {_not_closed(scope, billed)} AND {_closed(billed)}"


def closed_month(scope: tuple[str, ...], billed: Billed = _AS_RECORDED) -> str:
    """Returns the condition for {month} where it is closed."""
    return " AND ".join(["month = {month:Date32}", _closed(billed), *_whose(scope, billed)])


def first_events(where: str) -> str:
    """Returns the query for the events of a month as they count now."""
    return f"""
    SELECT {IDENTITY}, 1, {_BILLABLE}, title, unit, unit_title, aggregation, time_zone,
        {_SESSION_STATE}, exact_quantity, {_COST}, position, unique_value, series, '', ''
    FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH}
    WHERE {where}"""


def changed_events(where: str) -> str:
    """Returns the query for the events that differ from what closes hold, with the reason."""
    voided = restored = "0"
    joined, by = "", "''"
    if VOID_STATUS:
        voided, by = "_void.voided_by != ''", "concat(_void.voided_by, ': ', _void.reason)"
        restored = f"""({_EVENT}) IN (
            SELECT {ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {VOID_FIELD}
            FROM {DATABASE}.{TABLE} WHERE {STATUS} = '{VOID_STATUS}'
        )"""
        joined = f"LEFT JOIN {DATABASE}.{VOIDED} AS _void USING ({_EVENT})"
    is_level = "_line.5 = 'time_weighted'"
    # It began before the month, wherever months are cut.
    holds_on = f"{is_level} AND toDate32(_line.10.1) + 1 < month"
    moved = "_was.1 AND _now.1 AND _rest.2 != _rest_was.2"
    return f"""
    SELECT
        {IDENTITY}, _now.1 AS counted,
        _line.2 AS {BILLABLE}, if(counted, _rest.1, _rest_was.1) AS title,
        _line.3 AS unit, _line.4 AS unit_title, _line.5 AS aggregation,
        if(counted, _rest.2, _rest_was.2) AS time_zone,
        _line.6 AS session_state, _line.7 AS exact_quantity,
        if(_line.8, NULL, _line.9) AS exact_cost, _line.10 AS position,
        _line.11 AS unique_value, _line.12 AS series,
        multiIf(
            NOT _was.1 AND {restored}, 'restored',
            NOT _was.1 AND {holds_on}, 'level',
            NOT _was.1, 'late',
            NOT _now.1 AND {voided}, 'voided',
            NOT _now.1 AND {is_level}, 'level',
            NOT _now.1 AND _was.6 != '', 'session',
            NOT _now.1, 'removed',
            {moved}, 'zone',
            (_was.3, _was.4, _was.5) != (_now.3, _now.4, _now.5), 'release',
            _was.6 != _now.6 OR _now.6 != '', 'session',
            {is_level} AND _was.10 = _now.10, 'level',
            'conflict'
        ) AS reason,
        multiIf(
            reason IN ('late', 'restored'), concat('arrived ', toString(_rest.3), ' UTC'),
            reason = 'voided', {by},
            reason = 'zone', concat(_rest_was.2, ' → ', _rest.2),
            reason = 'release',
            concat({_unit_of("_was")}, ' → ', {_unit_of("_now")}),
            reason = 'session' AND counted, concat(_was.6, ' → ', _now.6),
            reason IN ('level', 'conflict'),
            concat(toString(_was.7), ' → ', toString(_now.7)),
            ''
        ) AS because
    FROM
    (
        SELECT *, if(_now.1, _now, _was) AS _line FROM ({_pairs(where)})
    ) AS _changed
    {joined}"""


def changed_lines(where: str, billed: Billed = _AS_RECORDED) -> str:
    """Returns the query for how the lines of closed months differ from what closes hold."""
    lines = f"""
        SELECT {METRIC}, {_BILLABLE} AS _billable, {MEASURES}
        FROM {billed.source(f"{DATABASE}.{USAGE_DETAIL_BY_MONTH}", [where])} AS _detail
        GROUP BY {METRIC}, _billable, unit, unit_title, aggregation"""
    now = f"SELECT {_line_values('_billable')} FROM ({lines})"
    return _differences(now, where)


def closed_lines(close_id: str, billed: Billed = _AS_RECORDED) -> str:
    """Returns the query for the lines of a close, from the events that were written for it."""
    metric = f"{billed.account()}, month, {PRODUCT}, {METRIC_TYPE}"
    where = f"({metric}) IN (SELECT {metric} FROM {EVENTS_TABLE} WHERE close_id = {close_id})"
    if not billed.steps:
        lines = f"{DATABASE}.{BILLED_BY_MONTH}(candidate={close_id}) WHERE {where}"
    else:  # that view adds up the events of each name by themselves
        events = billed.source(f"{DATABASE}.{BILLED}(candidate={close_id})", ["counted", where])
        lines = f"""
        (
            SELECT {METRIC}, {BILLABLE}, {MEASURES} FROM {events} AS _detail
            GROUP BY {LINE}
        )"""
    return _differences(f"SELECT {_line_values(BILLABLE)} FROM {lines}", where)


def _closed(billed: Billed) -> str:
    """Returns the condition for the months that are closed."""
    return (
        f"(month IN (SELECT month FROM {CLOSES_TABLE} WHERE empty(scope)) OR "
        f"({billed.account()}, month) IN (SELECT arrayJoin(scope), month FROM {CLOSES_TABLE}))"
        f"{_KEPT}"
    )


def _not_closed(scope: tuple[str, ...], billed: Billed) -> str:
    """Returns the condition for the workspaces that a close of {month} is of."""
    if scope:
        return " AND ".join(_whose(scope, billed))
    closed = f"SELECT arrayJoin(scope) FROM {CLOSES_TABLE} WHERE month = {{month:Date32}}"
    return f"{billed.account()} NOT IN ({closed})"


def _whose(scope: tuple[str, ...], billed: Billed) -> list[str]:
    """Returns the conditions for the workspaces of a scope; none if it is empty."""
    if not scope:
        return []
    return [*billed.are_recorded(), f"{billed.account()} IN {{scope:Array(String)}}"]


def _pairs(where: str) -> str:
    """Returns the query for each event that differs: as closes hold it, and as it counts now."""

    def state(counted: str, billable: str, session_state: str, cost: str) -> str:
        return (
            f"(toUInt8({counted}), toUInt8({billable}), toString(unit), toString(unit_title), "
            f"toString(aggregation), toString({session_state}), exact_quantity, "
            f"isNull({cost}), ifNull({cost}, 0), position, unique_value, series)"
        )

    def rest(arrived: str) -> str:
        return f"(toString(title), toString(time_zone), {arrived})"

    return f"""
        SELECT
            {IDENTITY},
            anyIf(_state, NOT _is_now) AS _was, anyIf(_rest_of, NOT _is_now) AS _rest_was,
            anyIf(_state, _is_now) AS _now, anyIf(_rest_of, _is_now) AS _rest
        FROM
        (
            SELECT
                {IDENTITY}, 0 AS _is_now,
                {state("counted", BILLABLE, "session_state", "exact_cost")} AS _state,
                {rest("toDateTime64(0, 3, 'UTC')")} AS _rest_of
            FROM {DATABASE}.{BILLED}(candidate='')
            WHERE {where}
            UNION ALL
            SELECT
                {IDENTITY}, 1 AS _is_now,
                {state("1", _BILLABLE, _SESSION_STATE, _COST)} AS _state,
                {rest(INGESTED)} AS _rest_of
            FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH}
            WHERE {where}
        )
        GROUP BY {IDENTITY}
        HAVING _was != _now AND (_was.1 OR _now.1)"""


def _unit_of(state: str) -> str:
    return f"if({state}.3 = '', {state}.5, concat({state}.5, ' of ', {state}.3))"


def _differences(now: str, where: str) -> str:
    """Returns the query for lines minus what closes hold of them; what is 0 is left out."""
    return f"""
    SELECT
        {METRIC}, {BILLABLE}, argMax(_title, _is_now) AS title, unit, unit_title, aggregation,
        sum(_events) AS events, sum(_open) AS open_sessions, sum(_quantity) AS quantity,
        sum(_unpriced) AS unpriced, sum(_cost) AS cost
    FROM
    (
        {now}
        UNION ALL
        SELECT {METRIC}, {BILLABLE}, unit, unit_title, aggregation, title, 0,
            -events, -open_sessions, -quantity, -unpriced, -cost
        FROM
        (
            SELECT _held.* FROM {LINES_TABLE} AS _held
            INNER JOIN {CLOSES_TABLE} AS _close USING (close_id)
            WHERE {LINE_NOT_ERASED}
        )
        WHERE {where}
    )
    GROUP BY {LINE}
    HAVING events != 0 OR open_sessions != 0 OR unpriced != 0
        OR ifNull(quantity, 0) != 0 OR ifNull(cost, 0) != 0"""


def _line_values(billable: str) -> str:
    open_sessions = "toInt64(open_sessions)" if SESSIONS else "toInt64(0)"
    unpriced = "toInt64(unpriced)" if COST else "toInt64(events)"
    cost = "cost" if COST else "NULL"
    return (
        f"{METRIC}, {billable} AS {BILLABLE}, unit, unit_title, aggregation, title AS _title, "
        f"1 AS _is_now, toInt64(events) AS _events, {open_sessions} AS _open, "
        f"{QUANTITY} AS _quantity, {unpriced} AS _unpriced, {cost} AS _cost"
    )

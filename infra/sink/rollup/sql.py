"""The SQL of a refresh. Its unit is a day (UTC) of a workspace's metric type."""

from __future__ import annotations

from collections.abc import Iterator

from infra.sink._generated.fields import (
    ACCOUNT,
    ARRIVALS,
    DATABASE,
    ERASURES,
    ID,
    METRIC_TYPE,
    PRODUCT,
    ROLLUP,
    ROLLUP_STATE,
    ROLLUP_STEP,
    SESSIONS,
    STATUS,
    TABLE,
    TIME,
    TIME_ZONES,
    USAGE,
    USAGE_DETAIL,
    USAGE_DETAIL_WITHOUT_SESSIONS,
    USAGE_WITHOUT_SESSIONS,
    VOID_STATUS,
    VOIDED,
    WORKSPACE_ZONES,
)
from infra.sink._generated.rollup import BOUNDARY, KEYS, OF_ROWS, SESSION_ID, VOIDS

# The days of other metric types do not add up: a value may be used on several days, and a level
# holds over them. Those are read from the events.
KEPT = ("sum", "count", "min", "max", "last", "avg", "undeclared")
IS_KEPT = f"aggregation IN {KEPT}"

_MOMENT = "DateTime64(3, 'UTC')"

METRIC = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}"
DAY = f"{METRIC}, utc_day"
DAY_OF = f"toDate32({TIME})"
_IDENTITY = f"{METRIC}, {ID}"
_EVENTS, _STEPS = f"{DATABASE}.{TABLE}", f"{DATABASE}.{ROLLUP_STEP}"
_ARRIVALS, _ROLLUP = f"{DATABASE}.{ARRIVALS}", f"{DATABASE}.{ROLLUP}"
_STATE = f"{DATABASE}.{ROLLUP_STATE}"
_STEP = f"{_STEPS} WHERE step = {{step:UInt64}}"
_TOUCH = f"INSERT INTO {_ARRIVALS} (arrived_on, {DAY}, touches) SELECT {{today:Date}}, {DAY}, 1"

NOW = "SELECT toUnixTimestamp64Nano(now64(9))"

# The kinds of what is remembered, beside those of `MEANING`.
AS_OF, SINCE, VERSION = "as_of", "arrived_on", "version"
# The kind that touches nothing: ids of views, whose definitions are remembered too.
VIEW_IDS = "view_ids"
REMEMBERED = f"""\
SELECT
    argMaxIf(value, version, kind = '{AS_OF}'),
    argMaxIf(value, version, kind = '{SINCE}'),
    max(version)
FROM {_STATE}"""
SIZE = f"SELECT count(), sum(arraySum(lines.events)) FROM {_ROLLUP} FINAL"
LAST_VERSION = f"SELECT max(version) FROM {_STATE}"

# Greater than any before, also if the clock of the server was set back.
NEXT_VERSION = f"""\
SELECT greatest(toUInt64(toUnixTimestamp64Nano(now64(9))), max(version) + 1) FROM {_STATE}"""


def pending(condition: str = "1") -> str:
    """Returns the query for what is touched, and not covered, where a condition holds.

    Of rows that arrived, those that are covered decide nothing again.
    """
    return f"""\
SELECT
    arrived_on, {DAY},
    arrivals AS _arrivals,
    if(_has_arrived, related, 0) AS _related,
    if(_has_arrived, backdated, 0) AS _backdated,
    touches AS _touches,
    arrivals > covered AS _has_arrived
FROM {_ARRIVALS} FINAL
WHERE arrived_on >= {{since:Date}} AND {condition} AND (_has_arrived OR touches > covered_touches)
SETTINGS do_not_merge_across_partitions_select_final = 1"""


def with_open_sessions(condition: str = "1") -> str:
    """Returns the query for the days whose sessions the time may have come to count."""
    some = f"SELECT {DAY} FROM {_ROLLUP} WHERE has_open_sessions AND {condition}"
    return f"SELECT {DAY} FROM {_ROLLUP} FINAL WHERE ({DAY}) IN ({some}) AND has_open_sessions"


_DECIDES = "(_related > 0 OR _backdated > 0)"


def _take(which: str) -> str:
    return f"""\
INSERT INTO {_STEPS} (step, arrived_on, {DAY}, arrivals, related, backdated, touches)
SELECT {{step:UInt64}}, arrived_on, {DAY}, _arrivals, _related, _backdated, _touches
FROM ({pending()})
{which}
ORDER BY {DAY}
LIMIT {{days:UInt64}}"""


# What arrived and may change other days, in whichever month.
TAKE_DECIDING = _take(f"WHERE {_DECIDES}")

# Other pending days, those of the earliest month: the events of one month are in one partition.
TAKE = _take(f"WHERE NOT {_DECIDES}\nQUALIFY toYYYYMM(utc_day) = min(toYYYYMM(utc_day)) OVER ()")

DECIDING = f"SELECT sum(related) > 0, sum(backdated) > 0 FROM {_STEP} HAVING count() > 0"

TAKEN = f"""\
SELECT
    uniqExact({DAY}), toString(min(utc_day)), toString(addDays(max(utc_day), 1))
FROM {_STEP}"""

COVER = f"""\
INSERT INTO {_ARRIVALS} (arrived_on, {DAY}, covered, covered_touches)
SELECT arrived_on, {DAY}, arrivals, touches FROM {_STEP}"""

OLD_STEPS = f"SELECT DISTINCT step FROM {_STEPS} WHERE step < {{before:UInt64}}"


def drop(step: int) -> str:
    """Returns the statement that removes a step, as a partition cannot be a parameter."""
    return f"ALTER TABLE {_STEPS} DROP PARTITION {step}"


def has_sessions(condition: str) -> str:
    """Returns the query for whether there are sessions, where a condition holds.

    Planning a query of sessions takes longer than reading a few days.
    """
    if not BOUNDARY:
        return "SELECT 0"
    return f"SELECT count() > 0 FROM {_EVENTS} WHERE {BOUNDARY} != '' AND {condition}"


def lines(condition: str, *, sessions: bool) -> str:
    """Returns the query for the lines of the days of events, where a condition holds for them."""
    view = USAGE_DETAIL if sessions else USAGE_DETAIL_WITHOUT_SESSIONS or USAGE_DETAIL
    keys = (
        "_detail.day AS on_day" if name == "on_day" else f"_detail.{name} AS {name}"
        for name in KEYS
    )
    measures = (f"{of_rows} AS {name}" for name, of_rows in OF_ROWS.items())
    columns = ",\n    ".join((*METRIC.split(", "), f"{DAY_OF} AS _utc_day", *keys, *measures))
    return f"""\
SELECT
    {columns}
FROM {DATABASE}.{view} AS _detail
WHERE {condition} AND {IS_KEPT}
GROUP BY {METRIC}, _utc_day, {", ".join(KEYS)}"""


def compute(*, sessions: bool) -> str:
    """Returns the statement that replaces the days of a step.

    A day without usage has no lines. Filters that say the same twice are each for another table
    that they prune.
    """
    names = (*KEYS, *OF_ROWS)
    columns = ", ".join(f"lines.{name}" for name in names)
    is_open = "max(open_sessions > 0)" if BOUNDARY else "0"
    touched = f"""\
{TIME} >= {{first:{_MOMENT}}} AND {TIME} < {{end:{_MOMENT}}}
    AND {ACCOUNT} IN (SELECT {ACCOUNT} FROM {_STEP})
    AND ({METRIC}) IN (SELECT {METRIC} FROM {_STEP})
    AND ({METRIC}, {DAY_OF}) IN (SELECT {DAY} FROM {_STEP})"""
    return f"""\
INSERT INTO {_ROLLUP}
    ({DAY}, version, has_open_sessions, {columns})
SELECT
    {DAY},
    {{version:UInt64}},
    {is_open},
    {", ".join(f"groupArrayIf({name}, _is_line)" for name in names)}
FROM (SELECT DISTINCT {DAY} FROM {_STEP}) AS _touched
LEFT JOIN (SELECT 1 AS _is_line, * FROM ({lines(touched, sessions=sessions)})) AS _line
    ON {" AND ".join(f"_line.{name} = _touched.{name}" for name in METRIC.split(", "))}
    AND _line._utc_day = _touched.utc_day
GROUP BY {DAY}"""


HAS_SESSIONS = has_sessions(f"{ACCOUNT} IN (SELECT {ACCOUNT} FROM {_STEP})")


def _related() -> Iterator[str]:
    """Yields the statements that touch what voids and boundaries decide on other days.

    A void decides about the event that it names, or restores what that one takes back. A boundary
    decides about the sessions with its id; those without an id are matched in turn, so that each
    may move all others.
    """
    days = f"SELECT {DAY} FROM {_STEP} AND related > 0"
    metrics = f"({METRIC}) IN (SELECT {METRIC} FROM {_STEP} AND related > 0)"
    arrived = f"({METRIC}, {DAY_OF}) IN ({days})"
    named = ""
    if VOIDS:
        targets = f"SELECT {METRIC}, {VOIDS} FROM {_EVENTS} WHERE {STATUS} = '{VOID_STATUS}'"
        once = f"{targets} AND {metrics} AND {arrived}"
        twice = f"{targets} AND ({_IDENTITY}) IN ({once})"
        named = f"({_IDENTITY}) IN ({once} UNION DISTINCT {twice})"
        yield _touch_days_of(named)
    if BOUNDARY:
        decided = f"({arrived} OR {named})" if named else arrived
        session = f"{METRIC}, {SESSION_ID}"
        sessions = f"SELECT {session} FROM {_EVENTS} WHERE {BOUNDARY} != '' AND {metrics}"
        yield _touch_days_of(
            f"{metrics} AND {BOUNDARY} = 'start' AND ({session}) IN ({sessions} AND {decided})"
        )


def _touch_days_of(condition: str) -> str:
    """Returns the statement that touches the days of events."""
    days = f"SELECT DISTINCT {METRIC}, {DAY_OF} AS utc_day FROM {_EVENTS} WHERE {condition}"
    return f"{_TOUCH} FROM ({days})"


RELATED = tuple(_related())

# A row that precedes copies that were stored before it may change what any of them decided.
BACKDATED = _touch_days_of(f"({METRIC}) IN (SELECT {METRIC} FROM {_STEP} AND backdated > 0)")

# The days of what decides, which are pending like those that it touches once it is covered.
OWN = f"{_TOUCH} FROM (SELECT DISTINCT {DAY} FROM {_STEP})"

OPEN = f"{_TOUCH} FROM ({with_open_sessions()})"

# What was restored has days, and what is gone had some.
EVERY = f"""\
{_TOUCH} FROM
(
    SELECT DISTINCT {METRIC}, {DAY_OF} AS utc_day FROM {_EVENTS}
    UNION DISTINCT
    SELECT {DAY} FROM {_ROLLUP}
)"""

_HELD = f"{_TOUCH} FROM {_ROLLUP} FINAL"
_SUBJECTS = "{subjects:Array(String)}"

# What to touch where something else is said than when it was last touched, by the kind of what is.
TOUCHED = {
    "metric": f"{_HELD} WHERE concat({PRODUCT}, '/', {METRIC_TYPE}) IN {_SUBJECTS}",
    "workspace": f"{_HELD} WHERE {ACCOUNT} IN {_SUBJECTS}",
    "zone": f"{_HELD} WHERE hasAny(lines.time_zone, {_SUBJECTS})",
    "erased": f"{_HELD} WHERE toString(sipHash64({ACCOUNT})) IN {_SUBJECTS}",
    "views": _HELD,
    "tables": EVERY,
}

_VIEWS = ", ".join(
    f"'{name}'"
    for name in (
        *(VOIDED, SESSIONS, USAGE, USAGE_DETAIL),
        *(USAGE_WITHOUT_SESSIONS, USAGE_DETAIL_WITHOUT_SESSIONS),
    )
)
_TABLES = ", ".join(f"'{name}'" for name in (TABLE, ARRIVALS, ROLLUP))

# What roll-ups depend on beside events: what the catalog says of each metric type, the zones of
# each workspace, the rules of each zone, which workspaces are erased up to when, how the views read
# them, and which tables these are, as those that are restored from a backup are others.
_OF_DATA = f"""\
SELECT
    'metric' AS kind,
    concat(product, '/', metric_type) AS subject,
    toString(sipHash64(arraySort(groupArray(_said)))) AS value
FROM
(
    SELECT product, metric_type, toString(tuple(* EXCEPT (applied_at))) AS _said
    FROM {DATABASE}.catalog_releases FINAL
    UNION ALL
    SELECT product, metric_type, toString((title, unit_nanoseconds, session_timeout_ms))
    FROM {DATABASE}.catalog_metrics
)
GROUP BY product, metric_type
UNION ALL
SELECT 'workspace', {ACCOUNT}, toString(sipHash64(arraySort(groupArray((since, time_zone)))))
FROM {DATABASE}.{WORKSPACE_ZONES} FINAL
GROUP BY {ACCOUNT}
UNION ALL
SELECT 'zone', time_zone, toString(digest) FROM {DATABASE}.{TIME_ZONES} FINAL
UNION ALL
SELECT 'erased', toString(_account), toString(max(erased_before))
FROM {DATABASE}.{ERASURES}
WHERE metadata_key = ''
GROUP BY _account"""
_SHOWN = "toString(sipHash64(arraySort(groupArray({}))))"
_NAMED = f"system.tables WHERE database = '{DATABASE}' AND name IN ({_VIEWS}, {_TABLES})"
# The id of a view is another whenever it is created again, as `migrate` does, also as it was. Ids
# are much quicker to read, and of one moment with the definitions.
_IDS = f"if(name IN ({_VIEWS}), '{VIEW_IDS}', 'tables')"
_MEANING = f"""\
{_OF_DATA}
UNION ALL
SELECT _shown.1, '', _shown.2
FROM
(
    SELECT arrayJoin(
        if(_is_view, [('views', _texts), ('{VIEW_IDS}', _ids)], [('tables', _ids)])
    ) AS _shown
    FROM
    (
        SELECT
            name IN ({_VIEWS}) AS _is_view,
            {_SHOWN.format("create_table_query")} AS _texts,
            {_SHOWN.format("(name, uuid)")} AS _ids
        FROM {_NAMED}
        GROUP BY _is_view
    )
)"""


def _changed(meaning: str) -> str:
    return f"""\
SELECT kind, subject, value FROM ({meaning})
WHERE (kind, subject, value) NOT IN (SELECT kind, subject, value FROM {_STATE} FINAL)"""


# Where it says something else than when days were last touched for it.
CHANGED = _changed(_MEANING)

# The same for reading: views that were created again may be others until a refresh has looked.
MAY_HAVE_CHANGED = _changed(
    f"{_OF_DATA}\nUNION ALL\nSELECT {_IDS} AS _kind, '', {_SHOWN.format('(name, uuid)')}"
    f"\nFROM {_NAMED}\nGROUP BY _kind"
)

"""What `reconcile` looks for, beside the numbers of clients, and what is known about it.

Each query yields rows with the columns `_subject`, `_first` and `_last`, by which a finding is
explained, `_known`, the time from which an explanation knows it, and `_weight`, how many events.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.sink._generated.fields import (
    ACCEPTED,
    ACCOUNT,
    DATABASE,
    EXPIRED,
    EXPLAINED,
    ID,
    INGESTED,
    INSTANCE,
    METRIC_TYPE,
    NUMBER,
    PRODUCT,
    RECEIPTS,
    SERVICE,
    SESSIONS,
    TABLE,
    TIME,
)
from infra.sink._generated.lines import NOT_ERASED

RECEIPTS_TABLE = f"{DATABASE}.{RECEIPTS}"
SINCE, UNTIL = "{since:DateTime64(3, 'UTC')}", "{until:DateTime64(3, 'UTC')}"
INSIDE = f"({ACCEPTED} >= {SINCE} AND {ACCEPTED} < {UNTIL})"
_KEY = f"{ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {ID}"
_METRIC = f"{ACCOUNT}, '/', {PRODUCT}, '/', {METRIC_TYPE}, '/'"
_ALWAYS = "toDateTime64(0, 3, 'UTC') AS _known"
# A clock may be wrong by less, and a spool delivers within weeks.
_AHEAD, _BEHIND = "toIntervalHour(1)", "toIntervalDay(90)"

# The services that report the events beside a gap, one of which lacks what is missing.
_SERVICE_BEFORE = "lagInFrame(_service) OVER numbered AS _service_before," if SERVICE else ""
_BESIDE = "arrayFilter(_name -> _name != '', arrayDistinct([_service_before, _service]))"
_SERVICES = f"arrayStringConcat({_BESIDE}, ', ') AS services," if SERVICE else ""

# What a receipt of an erased event is known by.
ERASED = "(_identity != 0 AND _content = 0)"

# Each receipt with the preceding one of the same client; number 0 precedes the first.
PAIRS = f"""(
    SELECT
        *,
        lagInFrame({NUMBER}) OVER numbered AS _before,
        lagInFrame({ACCEPTED}) OVER numbered AS _accepted_before,
        {_SERVICE_BEFORE}
        {INSIDE} AS _inside,
        {NUMBER} = _before AS _copy,
        {NUMBER} > _before + 1
            AND {ACCEPTED} >= {SINCE}
            AND _accepted_before < {UNTIL} AS _gap
    FROM {RECEIPTS_TABLE}
    WHERE {INSTANCE} IN (SELECT {INSTANCE} FROM {RECEIPTS_TABLE} WHERE {INSIDE})
    WINDOW numbered AS (
        PARTITION BY {INSTANCE} ORDER BY {NUMBER}, {INGESTED}
        ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
    )
)"""
_MISSING = f"""
    SELECT
        {INSTANCE},
        _before + 1 AS first,
        {NUMBER} - 1 AS last,
        if(_before = 0, NULL, _accepted_before) AS after,
        {ACCEPTED} AS before,
        {_SERVICES}
        {INSTANCE} AS _subject, first AS _first, last AS _last, {_ALWAYS},
        last - first + 1 AS _weight
    FROM {PAIRS}
    WHERE _gap"""
_EXPIRED = f"""
    SELECT
        topic, partition, first, last, found_at,
        concat(topic, '/', toString(partition)) AS _subject, first AS _first, last AS _last,
        {_ALWAYS}, last - first + 1 AS _weight
    FROM {DATABASE}.{EXPIRED} FINAL
    WHERE found_at >= {SINCE}"""
# The receipts tell which events differ, and the table their names, if it still has them. Where an
# event was erased, its receipts have no content.
_CONFLICTS = f"""
    WITH _differing AS
    (
        SELECT
            _identity,
            count() AS receipts,
            uniqExact(_content) AS contents,
            min({INGESTED}) AS first_stored_at,
            max({INGESTED}) AS last_stored_at
        FROM {RECEIPTS_TABLE}
        WHERE _identity != 0
        GROUP BY _identity
        HAVING contents > 1 AND min(_content) > 0 AND countIf({INSIDE}) > 0
    )
    SELECT
        if(_named._subject = '', hex(_identity), _named._subject) AS subject,
        receipts, contents, first_stored_at, last_stored_at,
        subject AS _subject, toUInt64(0) AS _first, toUInt64(0) AS _last,
        last_stored_at AS _known, toUInt64(1) AS _weight
    FROM _differing
    LEFT JOIN
    (
        SELECT DISTINCT
            sipHash64({_KEY}) AS _identity,
            concat({_METRIC}, {ID}) AS _subject,
            NOT {NOT_ERASED} AS _is_erased
        FROM {DATABASE}.{TABLE}
        WHERE _identity IN (SELECT _identity FROM _differing)
    ) AS _named USING (_identity)
    WHERE NOT _named._is_erased"""
_SKEWED = f"""
    SELECT
        {INSTANCE}, {NUMBER}, {ACCEPTED}, {TIME}, {INGESTED},
        {INSTANCE} AS _subject, {NUMBER} AS _first, {NUMBER} AS _last, {_ALWAYS},
        toUInt64(1) AS _weight
    FROM {RECEIPTS_TABLE}
    WHERE {INGESTED} >= {SINCE} AND {INGESTED} < {UNTIL}
        AND (greatest({ACCEPTED}, {TIME}) > {INGESTED} + {_AHEAD}
            OR {ACCEPTED} < {INGESTED} - {_BEHIND})
        AND NOT {ERASED}
    LIMIT 1 BY {INSTANCE}, {NUMBER}"""
_ODD_SESSIONS = f"""
    SELECT
        concat({_METRIC}, boundary_ids[1]) AS subject,
        session_state,
        if(session_state = 'never_started', NULL, started_at) AS started_at,
        last_seen_at,
        subject AS _subject, toUInt64(0) AS _first, toUInt64(0) AS _last, {_ALWAYS},
        toUInt64(1) AS _weight
    FROM {DATABASE}.{SESSIONS}
    WHERE last_seen_at >= {SINCE} AND last_seen_at < {UNTIL}
        AND (session_state IN ('ends_early', 'without_unit')
            OR session_state = 'never_started' AND voided_starts = 0)"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A word for what may be wrong, the exit status that tells it, and the query that finds it."""

    word: str
    status: int
    query: str

    @property
    def is_of_numbers(self) -> bool:
        """Whether a finding is a range of numbers, of a client or of a partition."""
        return self.word in {"missing", "expired", "skewed"}

    @property
    def explained(self) -> str:
        """The query with the reason of each finding, empty where nobody gave one."""
        return f"""
        SELECT _found.*, arrayFirst(
            _range -> _range.1 <= _first AND _range.2 >= _last AND _range.3 >= _known, _ranges
        ).4 AS reason
        FROM ({self.query}) AS _found
        LEFT JOIN
        (
            SELECT subject AS _subject, groupArray((first, last, explained_at, reason)) AS _ranges
            FROM {DATABASE}.{EXPLAINED} FINAL
            WHERE kind = '{self.word}'
            GROUP BY subject
        ) AS _explained USING (_subject)"""

    @property
    def counts(self) -> str:
        """The query for the number of events, and of those that nobody explained."""
        return f"SELECT sum(_weight), sumIf(_weight, reason = '') FROM ({self.explained})"

    @property
    def listed(self) -> str:
        """The query for the findings, those first that nobody explained."""
        return f"""\
        SELECT * EXCEPT (_subject, _first, _last, _known, _weight)
        FROM ({self.explained})
        ORDER BY reason != '', _subject, _first LIMIT {{limit:UInt64}}"""


# By severity: where several are found, the exit status is that of the first. 2 is a failure.
KINDS = (
    Kind("missing", 1, _MISSING),
    Kind("expired", 3, _EXPIRED),
    Kind("conflict", 4, _CONFLICTS),
    Kind("skewed", 5, _SKEWED),
    *((Kind("session", 6, _ODD_SESSIONS),) if SESSIONS else ()),
)

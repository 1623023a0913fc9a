"""What the store tells about an event: who accepted it, what arrived, and where it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCEPTED,
    ACCOUNT,
    BILLABLE,
    DATABASE,
    ERASURES,
    FIELDS,
    ID,
    INGESTED,
    INSTANCE,
    METRIC_TYPE,
    NUMBER,
    PRODUCT,
    RECEIPTS,
    SESSIONS,
    TABLE,
    TIME,
    USAGE_DETAIL,
    VOID_STATUS,
    VOIDED,
)
from infra.sink._generated.lines import COLUMNS as MEASURES
from infra.sink.erasing import ledger
from infra.sink.usage import sql
from infra.sink.usage.events import EventQuery, list_events
from infra.sink.usage.query import APART
from infra.sink.usage.sql import Statement

Metric = tuple[str, str]

_NAMED = f"{ACCOUNT} = {{account:String}} AND {ID} = {{id:String}}"
# Also of metric types whose events were erased: receipts hold no names.
_RECEIPTS = f"""\
SELECT _product, _metric_type, {INSTANCE}, {NUMBER}, {ACCEPTED}, {TIME}, {INGESTED}, _content
FROM {DATABASE}.{RECEIPTS}
INNER JOIN (
    SELECT DISTINCT
        toString(product) AS _product,
        toString(metric_type) AS _metric_type,
        sipHash64({{account:String}}, _product, _metric_type, {{id:String}}) AS _identity
    FROM (
        SELECT product, metric_type FROM {DATABASE}.catalog_releases
        UNION ALL
        SELECT {PRODUCT}, {METRIC_TYPE} FROM {DATABASE}.{TABLE} WHERE {_NAMED}
    )
) AS _named USING (_identity)
ORDER BY _product, _metric_type, {INGESTED}, {INSTANCE}, {NUMBER}"""
_ERASED = f"""\
SELECT erased_before, erased_by, reason FROM {DATABASE}.{ERASURES} FINAL
WHERE workspace_digest = {{digest:String}} AND metadata_key = ''
ORDER BY erased_before"""
_VOIDED = f"""\
SELECT {PRODUCT}, {METRIC_TYPE}, reason FROM {DATABASE}.{VOIDED} WHERE {_NAMED}"""
_START = f"tupleElement(_start, {1 + [each.name for each in FIELDS].index(ID)})"
_SESSIONS = f"""\
SELECT {PRODUCT}, {METRIC_TYPE}, session_id, session_state, started_at, ended_at, {_START}
FROM {DATABASE}.{SESSIONS}
WHERE {ACCOUNT} = {{account:String}} AND has(boundary_ids, {{id:String}})
ORDER BY {PRODUCT}, {METRIC_TYPE}, session_id, started_at"""
_COST = "exact_cost" if "cost" in MEASURES else "NULL"
_LINE = f"""\
SELECT
    {PRODUCT}, {METRIC_TYPE}, _detail.month, time_zone, {BILLABLE}, aggregation,
    exact_quantity, {_COST}, [{", ".join(f"toString({name})" for name in APART)}]
FROM {DATABASE}.{USAGE_DETAIL} AS _detail
WHERE {_NAMED}"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with the event that was stored: the number that a client gave to it, and when."""

    instance: str
    number: int
    accepted_at: datetime
    occurred_at: datetime
    stored_at: datetime
    content: int


@dataclass(frozen=True, slots=True)
class Session:
    """The session that a boundary belongs to, and the event that stands for it on an invoice."""

    session_id: str
    state: str
    started_at: datetime
    ended_at: datetime
    start: str


@dataclass(frozen=True, slots=True)
class Line:
    """Where an event counts, and as what; `apart` names the environment."""

    month: date
    time_zone: str
    billable: bool
    aggregation: str
    quantity: Decimal
    cost: Decimal | None
    apart: str


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure of the workspace, before which no work of it is kept."""

    before: datetime
    by: str
    reason: str


@dataclass(slots=True)
class Traced:
    """An event of one metric type.

    `row` is the one that counts, as the list of events has it; None if it was erased. `arrivals`
    are in the order in which they were stored.
    """

    product: str
    metric_type: str
    row: dict[str, Any] | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    void_reason: str = ""
    sessions: list[Session] = field(default_factory=list)
    line: Line | None = None
    erased: list[Erased] = field(default_factory=list)

    @property
    def conflicts(self) -> bool:
        """Whether its copies bill differently."""
        # A receipt has no content once its event is erased.
        contents = {each.content for each in self.arrivals}
        return len(contents) > 1 and 0 not in contents


def trace(client: Client, workspace: str, event: str) -> list[Traced]:
    """Returns what the store tells about an id, for each metric type that has it.

    Raises:
        SinkError: the store rejects a query.
    """
    asked = _Asked(client, workspace, event)
    found = _arrived(asked)
    if VOID_STATUS:
        for product, metric_type, reason in asked.rows(_VOIDED):
            found[product, metric_type].void_reason = reason
    if SESSIONS:
        for product, metric_type, *session in asked.rows(_SESSIONS):
            found[product, metric_type].sessions.append(Session(*session))
    erased = [Erased(*row) for row in asked.rows(_ERASED, digest=ledger.digest_of(workspace))]
    for metric, traced in found.items():
        if traced.row is None and traced.arrivals:
            traced.erased = [
                each for each in erased if traced.arrivals[0].occurred_at < each.before
            ]
        # A session counts as its start, also for its other boundaries.
        names = [event, *(each.start for each in traced.sessions)]
        lines = (_lines(asked, name).get(metric) for name in names)
        traced.line = next((line for line in lines if line is not None), None)
    return [found[metric] for metric in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Asked:
    client: Client
    workspace: str
    event: str

    def rows(self, text: str, **values: str) -> Sequence[Sequence[Any]]:
        named = {"account": self.workspace, "id": self.event}
        return sql.fetch(self.client, Statement(text, named | values, ()))


class _Found(dict[Metric, Traced]):
    def __missing__(self, metric: Metric) -> Traced:
        self[metric] = Traced(*metric)
        return self[metric]


def _arrived(asked: _Asked) -> _Found:
    """Returns each metric type that has the event, with its row and what arrived."""
    found = _Found()
    query = EventQuery(workspaces=(asked.workspace,), event=asked.event)
    for row in list_events(asked.client, query).rows:
        # Another name that is billed as this one may have the same id.
        if row[ACCOUNT] == asked.workspace:
            found[row[PRODUCT], row[METRIC_TYPE]].row = row
    for product, metric_type, *arrival in asked.rows(_RECEIPTS):
        found[product, metric_type].arrivals.append(Arrival(*arrival))
    for traced in found.values():
        kept = traced.row
        if not traced.arrivals and kept is not None:
            # Its receipt is older than identities in receipts.
            traced.arrivals.append(
                Arrival(kept[INSTANCE], kept[NUMBER], kept[ACCEPTED], kept[TIME], kept[INGESTED], 0)
            )
    return found


def _lines(asked: _Asked, event: str) -> dict[Metric, Line]:
    """Returns where an event counts, by its metric type."""
    found = {}
    for product, metric_type, month, zone, billable, *rest in asked.rows(_LINE, id=event):
        aggregation, quantity, cost, apart = rest
        found[product, metric_type] = Line(
            month, zone, bool(billable), aggregation, quantity, cost, ", ".join(apart)
        )
    return found

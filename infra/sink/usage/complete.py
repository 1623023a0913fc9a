"""Up to when what services accepted is in the store, as far as the numbers of their clients show.

A client numbers the events that it accepts, so a number that is missing between two others lies
between their times. What no number shows is unknown: the last events of a client that stopped or
that is disconnected, and a client that never reached Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import ACCEPTED, DATABASE, INGESTED, INSTANCE, NUMBER, RECEIPTS
from infra.sink.findings import KINDS

_TABLE = f"{DATABASE}.{RECEIPTS}"
# A clock may be ahead: nothing was accepted after it was stored.
_NEWEST = f"""\
SELECT count() > 0, least(max({ACCEPTED}), max({INGESTED}))
FROM {_TABLE}
WHERE {ACCEPTED} >= (SELECT max({ACCEPTED}) FROM {_TABLE}) - toIntervalDay(1)"""
# Counting is much cheaper than comparing each number with the one before it. Most clients began
# since then and lack nothing, as their receipts since then show; of the others all are read.
_ANY_MISSING = f"""\
SELECT count() FROM (
    SELECT {INSTANCE}
    FROM {_TABLE}
    WHERE {INSTANCE} IN (
        SELECT {INSTANCE}
        FROM {_TABLE}
        WHERE {ACCEPTED} >= {{since:DateTime64(3, 'UTC')}}
        GROUP BY {INSTANCE}
        HAVING max({NUMBER}) > groupBitmap({NUMBER})
    )
    GROUP BY {INSTANCE}
    HAVING max({NUMBER}) > groupBitmap({NUMBER})
)"""
_MISSING, _EXPIRED = (
    next(kind for kind in KINDS if kind.word == word) for word in ("missing", "expired")
)
_FIRST_MISSING = f"""\
SELECT {INSTANCE}, first, last, after
FROM ({_MISSING.explained})
WHERE reason = ''
ORDER BY isNotNull(after), after, {INSTANCE}, first
LIMIT 1"""
_FIRST_EXPIRED = f"""\
SELECT topic, partition, first, last
FROM ({_EXPIRED.explained})
WHERE reason = ''
ORDER BY topic, partition, first
LIMIT 1"""
_SETTINGS = {
    "optimize_aggregation_in_order": 1,
    "max_bytes_before_external_sort": 1 << 30,
    "max_bytes_before_external_group_by": 1 << 30,
}
# Later than any event.
_EVER = datetime(2299, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Events that known clients accepted before `until` have arrived; None if nobody can know.

    Attributes:
        until: that time.
        reason: what ends it.
        outline: the reason without the names of clients and topics; empty if it has none.
    """

    until: datetime | None
    reason: str
    outline: str = field(default="", compare=False)

    def of_some(self) -> Completeness:
        """Returns the same for whoever may not see the clients of other workspaces."""
        return replace(self, reason=self.outline or self.reason, outline="")


def complete_until(
    client: Client, since: datetime, *, caught_up_at: datetime | None = None
) -> Completeness:
    """Returns up to when the events that were accepted from `since` on have arrived.

    That is the newest of them, or the last before the first number that is missing, unless
    `reconcile explain` says why it is. Earlier gaps do not matter, as an event is accepted after it
    occurred: usage from `since` on does not lack them.

    Args:
        client: an open store.
        since: the beginning of the usage that is asked for.
        caught_up_at: when the sinks were known to have no lag; without it, nobody can tell whether
            services record nothing or the sinks read nothing.

    Raises:
        SinkError: the store rejects a query.
    """
    parameters = {"since": store.bound(since), "until": store.bound(_EVER)}

    def first(query: str) -> tuple[Any, ...] | None:
        try:
            rows = client.query(query, parameters, settings=_SETTINGS).result_rows
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
        return tuple(rows[0]) if rows else None

    is_any, newest = first(_NEWEST) or (0, _EVER)
    if not is_any:
        return Completeness(None, "no event has arrived")
    if expired := first(_FIRST_EXPIRED):
        topic, partition, start, end = expired
        outline = "Kafka removed unread messages, which may be of any time"
        place = f"{topic}/{partition} offsets {start} to {end}"
        return Completeness(None, f"{outline}: {place}", outline)
    missing = first(_FIRST_MISSING) if first(_ANY_MISSING) != (0,) else None
    if missing is not None:
        instance, start, end, after = missing
        numbers = f"client {instance} lacks its events {start} to {end}"
        outline = "a client lacks some of its events"
        if after is None:
            of_any_time = "which may be of any time before its others"
            return Completeness(None, f"{numbers}, {of_any_time}", f"{outline}, {of_any_time}")
        return Completeness(after, numbers, outline)
    if caught_up_at is not None and caught_up_at > newest:
        return Completeness(caught_up_at, "the sinks had no lag")
    return Completeness(newest, "the newest event that has arrived")

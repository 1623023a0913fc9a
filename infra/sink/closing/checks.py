"""What is missing before a month can be closed, in words; empty if nothing is known to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    ID,
    METRIC_TYPE,
    PRODUCT,
    RECEIVED,
    SESSIONS,
    USAGE_DETAIL_BY_MONTH,
)
from infra.sink.closing import changes
from infra.sink.output import text
from infra.sink.reconcile import reconcile
from infra.sink.usage.complete import complete_until

_LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a month begins and ends, in the first and in the last of the time zones that cut it."""

    since: datetime
    until: datetime
    last_zone: str


def bounds(month: date, zones: Iterable[str]) -> Bounds:
    """Returns the bounds of a month that is given by its first day."""
    following = (month + timedelta(days=31)).replace(day=1)
    starts = [_midnight(month, zone) for zone in zones]
    ends = [(_midnight(following, zone), zone) for zone in zones]
    until, zone = max(ends)
    return Bounds(min(starts), until, zone)


def missing(
    client: Client,
    month: date,
    scope: tuple[str, ...],
    time_zone: str,
    caught_up_at: datetime | None,
) -> list[str]:
    """Returns what is missing before the month of the scope, all if empty, can be closed.

    Args:
        client: an open store.
        month: its first day.
        scope: the workspaces that are closed, or none.
        time_zone: that of workspaces without one of their own.
        caught_up_at: when the sinks were known to have no lag.

    Raises:
        SinkError: the store rejects a query.
    """
    where = changes.open_part(scope)
    parameters = {"month": month, "scope": list(scope)}

    def rows(query: str) -> Sequence[Sequence[Any]]:
        try:
            return client.query(query, parameters).result_rows
        except ClickHouseError as failure:
            raise store.query_error(failure) from None

    detail = f"FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH} WHERE {where}"
    zones = {time_zone, *(str(row[0]) for row in rows(f"SELECT DISTINCT time_zone {detail}"))}
    limits = bounds(month, sorted(zones))
    return [
        *_unknown(rows, scope),
        *_not_over(month, limits),
        *_findings(client, limits),
        *_open_sessions(rows, detail),
        *_incomplete(client, limits, caught_up_at),
    ]


def _unknown(rows: Any, scope: tuple[str, ...]) -> Iterator[str]:
    if not scope:
        return
    known = {
        str(row[0])
        for row in rows(
            f"SELECT DISTINCT {ACCOUNT} FROM {DATABASE}.{RECEIVED} "
            f"WHERE {ACCOUNT} IN {{scope:Array(String)}}"
        )
    }
    for workspace in scope:
        if workspace not in known:
            yield f"no event of {workspace!r} has ever arrived: check the name"


def _not_over(month: date, limits: Bounds) -> Iterator[str]:
    if datetime.now(UTC) < limits.until:
        yield f"{month:%Y-%m} is not over: it ends {text(limits.until)} in {limits.last_zone}"


def _findings(client: Client, limits: Bounds) -> Iterator[str]:
    found = reconcile(client, limits.since, limits.until, late=_LATE, limit=0)
    counts = [f"{count} {word}" for word, count in found["unexplained"].items() if count]
    if counts:
        yield (
            f"reconcile is not clean: {', '.join(counts)}; run `usage-sink reconcile --since "
            f"{text(limits.since)} --until {text(limits.until)}`"
        )


def _open_sessions(rows: Any, detail: str) -> Iterator[str]:
    if not SESSIONS:
        return
    subject = f"any(concat({ACCOUNT}, '/', {PRODUCT}, '/', {METRIC_TYPE}, '/', {ID}))"
    [[count, example]] = rows(f"SELECT count(), {subject} {detail} AND session_state = 'open'")
    if count:
        yield f"{count} sessions are open, such as {example}"


def _incomplete(client: Client, limits: Bounds, caught_up_at: datetime | None) -> Iterator[str]:
    known = complete_until(client, limits.since, caught_up_at=caught_up_at)
    if known.until is None:
        yield f"nobody can tell up to when usage is complete: {known.reason}"
    elif known.until < limits.until:
        hint = "" if caught_up_at else "; pass --brokers to compare with Kafka"
        yield (
            f"usage is complete up to {text(known.until)} only ({known.reason}), "
            f"and the month ends {text(limits.until)}{hint}"
        )


def _midnight(day: date, zone: str) -> datetime:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)

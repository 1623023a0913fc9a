"""What is missing before a month can be closed, in words; empty if nothing is known to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

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
    RETENTION_SECONDS,
    SESSIONS,
    STATUS,
    TABLE,
    USAGE_DETAIL_BY_MONTH,
    VOID_FIELD,
    VOID_STATUS,
)
from infra.sink.closing import changes
from infra.sink.output import text
from infra.sink.reconcile import reconcile
from infra.sink.renames import ledger as renames
from infra.sink.renames.billed import Billed
from infra.sink.renames.names import Names
from infra.sink.usage.complete import complete_until
from infra.sink.zones import workspaces
from infra.sink.zones.calendar import Span

_LATE = timedelta(hours=1)


def missing(
    client: Client,
    month: date,
    scope: tuple[str, ...],
    caught_up_at: datetime | None,
) -> list[str]:
    """Returns what is missing before the month of the scope, all if empty, can be closed.

    Args:
        client: an open store.
        month: its first day.
        scope: the workspaces that are closed, or none.
        caught_up_at: when the sinks were known to have no lag.

    Raises:
        SinkError: the store rejects a query.
    """
    names = renames.names(client)
    billed = Billed.of(names, scope or None)
    where = changes.open_part(scope, billed)
    parameters = {"month": month, "scope": list(scope), **billed.parameters}

    def rows(query: str) -> Sequence[Sequence[Any]]:
        try:
            return client.query(query, parameters).result_rows
        except ClickHouseError as failure:
            raise store.query_error(failure) from None

    detail = f"FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH} WHERE {where}"
    limits = _limits(client, month, billed.recorded)
    return [
        *_unknown(rows, names, scope),
        *_not_over(month, limits),
        *_dropped(month),
        *_findings(client, limits),
        *_open_sessions(rows, detail),
        *_misnamed_voids(rows, billed, where),
        *_incomplete(client, limits, caught_up_at),
    ]


def _limits(client: Client, month: date, recorded: tuple[str, ...] | None) -> Span:
    """Returns when a month begins first and ends last, and the time zone in which it does."""
    following = (month + timedelta(days=31)).replace(day=1)
    calendar = workspaces.calendar(client, recorded)
    spans = calendar.spans(recorded, month, following)
    last = max(spans, key=lambda span: span.end)
    return Span(min(span.start for span in spans), last.end, last.time_zone)


def _unknown(rows: Any, names: Names, scope: tuple[str, ...]) -> Iterator[str]:
    if not scope:
        return
    known = {
        str(row[0])
        for row in rows(
            f"SELECT DISTINCT {ACCOUNT} FROM {DATABASE}.{RECEIVED} "
            f"WHERE {ACCOUNT} IN {{recorded:Array(String)}}"
        )
    }
    for workspace in scope:
        if known.isdisjoint(names.recorded_as(workspace)):
            yield f"no event of {workspace!r} has ever arrived: check the name"


def _not_over(month: date, limits: Span) -> Iterator[str]:
    if datetime.now(UTC) < limits.end:
        yield f"{month:%Y-%m} is not over: it ends {text(limits.end)} in {limits.time_zone}"


def _dropped(month: date) -> Iterator[str]:
    if (seconds := RETENTION_SECONDS) is None:
        return
    kept_since = datetime.now(UTC) - timedelta(seconds=seconds)
    if month <= kept_since.date():
        yield (
            f"the store keeps events since {kept_since:%Y-%m-%d} and has begun to drop those of "
            f"{month:%Y-%m}: what is left is not all that was used; restore a backup to close it"
        )


def _findings(client: Client, limits: Span) -> Iterator[str]:
    found = reconcile(client, limits.start, limits.end, late=_LATE, limit=0)
    counts = [f"{count} {word}" for word, count in found["unexplained"].items() if count]
    if counts:
        yield (
            f"reconcile is not clean: {', '.join(counts)}; run `usage-sink reconcile --since "
            f"{text(limits.start)} --until {text(limits.end)}`"
        )


def _open_sessions(rows: Any, detail: str) -> Iterator[str]:
    if not SESSIONS:
        return
    subject = f"any(concat({ACCOUNT}, '/', {PRODUCT}, '/', {METRIC_TYPE}, '/', {ID}))"
    [[count, example]] = rows(f"SELECT count(), {subject} {detail} AND session_state = 'open'")
    if count:
        yield f"{count} sessions are open, such as {example}"


def _misnamed_voids(rows: Any, billed: Billed, where: str) -> Iterator[str]:
    """Yields that voids under one name of a workspace are for events under another."""
    if not (VOID_STATUS and billed.steps):
        return
    event = f"{PRODUCT}, {METRIC_TYPE}"
    voids = " AND ".join([f"{STATUS} = '{VOID_STATUS}'", *billed.are_recorded()])
    target = f"{event}, {VOID_FIELD}"
    named = f"SELECT {target} FROM {DATABASE}.{TABLE} WHERE {voids}"
    is_named = f"({event}, {ID}) IN ({named})"
    own = f"SELECT {ACCOUNT}, {event}, {ID} FROM {DATABASE}.{TABLE} WHERE {is_named}"
    counting = f"SELECT {billed.account()}, {event}, {ID} FROM {DATABASE}.{USAGE_DETAIL_BY_MONTH}"
    example = f"any(concat({ACCOUNT}, '/', {PRODUCT}, '/', {METRIC_TYPE}, '/', {VOID_FIELD}))"
    [[count, some]] = rows(
        f"SELECT count(), {example} FROM {DATABASE}.{RECEIVED} "
        f"WHERE {voids} AND ({ACCOUNT}, {target}) NOT IN ({own}) "
        f"AND ({billed.account('{month:Date32}')}, {target}) IN ({counting} WHERE {where})"
    )
    if count:
        yield (
            f"{count} voids take nothing back, as their events were recorded under another name, "
            f"such as {some}: run `usage-sink void --workspace WORKSPACE --event ID --reason WHY` "
            "for each, which takes the event of the other name back"
        )


def _incomplete(client: Client, limits: Span, caught_up_at: datetime | None) -> Iterator[str]:
    known = complete_until(client, limits.start, caught_up_at=caught_up_at)
    if known.until is None:
        yield f"nobody can tell up to when usage is complete: {known.reason}"
    elif known.until < limits.end:
        hint = "" if caught_up_at else "; pass --brokers to compare with Kafka"
        yield (
            f"usage is complete up to {text(known.until)} only ({known.reason}), "
            f"and the month ends {text(limits.end)}{hint}"
        )

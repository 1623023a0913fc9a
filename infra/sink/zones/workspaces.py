"""The time zones of workspaces: which one each has from which month on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    TIME_ZONE,
    WORKSPACE_PERIODS,
    WORKSPACE_ZONES,
)
from infra.sink.closing import ledger
from infra.sink.errors import SinkError
from infra.sink.renames import ledger as renames
from infra.sink.zones import stored
from infra.sink.zones.calendar import Calendar, Period

_PERIODS = f"""\
SELECT {ACCOUNT}, first_month, time_zone, starts_at FROM {DATABASE}.{WORKSPACE_PERIODS}
WHERE {{any:UInt8}} OR {ACCOUNT} IN {{accounts:Array(String)}}
ORDER BY 1, 2"""


def periods(client: Client, workspaces: Sequence[str] | None = None) -> list[Period]:
    """Returns the zones that workspaces, or all of them, have of their own, in order.

    Raises:
        SinkError: the store rejects the query.
    """
    parameters = {"any": int(workspaces is None), "accounts": list(workspaces or ())}
    return [Period(*row) for row in _rows(client, _PERIODS, parameters)]


def calendar(client: Client, workspaces: Sequence[str] | None = None) -> Calendar:
    """Returns the days and months of workspaces, or of all of them.

    Raises:
        SinkError: the store rejects the query.
    """
    return Calendar(periods(client, workspaces))


def change(client: Client, workspace: str, time_zone: str, first_month: date) -> Period:
    """Gives a workspace a time zone from a month on, and returns it.

    Another one from the same month on is replaced, those of other months stay. So have the
    workspaces that are billed with it.

    Raises:
        SinkError: the month is closed, another name is billed, or the store rejects it.
    """
    _reject_closed(client, workspace, first_month)
    names = renames.names(client)
    billed = names.billed_as(workspace, first_month)
    if billed != workspace:
        raise SinkError(f"{workspace!r} is billed as {billed!r}: set the time zone of that one")
    _write(client, [(workspace, first_month, time_zone)])
    for name in names.recorded_as(workspace):
        follow(client, name, names.changes(name))
    made = periods(client, [workspace])
    return next(each for each in made if each.first_month == first_month)


def follow(client: Client, workspace: str, changes: Sequence[tuple[date, str]]) -> None:
    """Gives a workspace the zones of the names that it is billed under in turn.

    Raises:
        SinkError: the store rejects it.
    """
    if not changes:
        return
    found: dict[str, dict[date, str]] = defaultdict(dict)
    for each in periods(client, [workspace, *(name for _, name in changes)]):
        found[each.workspace][each.first_month] = each.time_zone
    own = found[workspace]
    untils = [*(since for since, _ in changes[1:]), date.max]
    written = []
    for (since, name), until in zip(changes, untils, strict=True):
        if name == workspace:
            continue
        for month in sorted({since, *own, *found[name]}):
            zone = _zone_in(found[name], month)
            if since <= month < until and _zone_in(own, month) != zone:
                own[month] = zone
                written.append((workspace, month, zone))
    _write(client, written)


def restore(client: Client, workspace: str, renamed_since: date, since: date) -> str | None:
    """Gives a workspace, from a month on, the time zone that it had before it was renamed.

    Returns:
        The time zone; None if it had no other in between.

    Raises:
        SinkError: the store rejects it.
    """
    own = {each.first_month: each.time_zone for each in periods(client, [workspace])}
    before = {month: zone for month, zone in own.items() if month < renamed_since}
    zone = _zone_in(before, renamed_since)
    months = sorted({since, *(month for month in own if month > since)})
    written = [(workspace, month, zone) for month in months if _zone_in(own, month) != zone]
    _write(client, written)
    return zone if written else None


def _zone_in(zones: Mapping[date, str], month: date) -> str:
    past = [first for first in zones if first <= month]
    return zones[max(past)] if past else TIME_ZONE


def _write(client: Client, rows: Sequence[tuple[str, date, str]]) -> None:
    if not rows:
        return
    try:
        stored.write(client, {zone for _, _, zone in rows})
        client.insert(WORKSPACE_ZONES, rows, [ACCOUNT, "since", "time_zone"], database=DATABASE)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def last_closed_month(client: Client, workspace: str) -> date | None:
    """Returns the last month that is closed for a workspace, whose time zone must stay.

    Raises:
        SinkError: the store rejects the query.
    """
    try:
        return ledger.last_closed(ledger.read(client), workspace)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def _reject_closed(client: Client, workspace: str, first_month: date) -> None:
    closed = last_closed_month(client, workspace)
    if closed is not None and first_month <= closed:
        raise SinkError(
            f"{closed:%Y-%m} is closed for {workspace!r}, and its days would move: choose a later "
            "month"
        )


def _rows(client: Client, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    try:
        return [tuple(row) for row in client.query(query, dict(parameters)).result_rows]
    except ClickHouseError as failure:
        raise store.query_error(failure) from None

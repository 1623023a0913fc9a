"""Adds a rename where no closed month changes, and gives the old name the days of the new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import ACCOUNT, DATABASE, RECEIVED
from infra.sink.closing import ledger as closes
from infra.sink.errors import SinkError
from infra.sink.renames import ledger
from infra.sink.renames.names import BEGINNING, Names, Rename
from infra.sink.usage.query import next_month
from infra.sink.zones import workspaces as zones

_ANY = f"SELECT 1 FROM {DATABASE}.{RECEIVED} WHERE {ACCOUNT} = {{account:String}} LIMIT 1"


@dataclass(frozen=True, slots=True)
class Change:
    """A workspace that is to be billed under another name, from a month on.

    Without `since` it is from the first month on that is not closed for either. `is_merge` says
    that the other name may have usage of its own.
    """

    workspace: str
    renamed_to: str
    since: date | None
    reason: str
    by: str
    is_merge: bool = False


class Applied(NamedTuple):
    """A rename that is in force.

    Attributes:
        rename: what it is.
        is_new: whether it has been added now.
        zone: the time zone that the workspace has again; None if that has not changed.
    """

    rename: Rename
    is_new: bool
    zone: str | None = None


def apply(client: Client, change: Change) -> Applied:
    """Adds a rename unless it is in force.

    Raises:
        SinkError: months are closed, names would lead in a circle, or the store rejects it.
    """
    old, new = change.workspace, change.renamed_to
    found = ledger.read(client)
    names = Names(found)
    if known := _in_force(found, names, change):
        _align(client, names, old)
        return Applied(known, is_new=False)
    since = _first_month(client, names, change)
    planned = Rename(old, since, new, change.reason, change.by, datetime.now(UTC))
    _check(client, names, Names([*found, planned]), planned, is_merge=change.is_merge)
    # Before it is its own name, so that a command that is killed here is only to be repeated.
    zone = (
        zones.restore(client, old, _renamed_since(names, old, since), since) if new == old else None
    )
    ledger.add(client, planned)
    found = ledger.read(client)
    names = Names(found)
    if names.direct(old, since) != new:
        raise SinkError(
            f"others rename at the same time, and {old!r} is not billed as {new!r}: see "
            "`usage-sink workspace show`, and run the command again"
        )
    _align(client, names, old)
    return Applied(_last(found, old, since), is_new=True, zone=zone)


def is_known(client: Client, workspace: str) -> bool:
    """Reports whether an event of a workspace has arrived.

    Raises:
        SinkError: the store rejects the query.
    """
    try:
        return bool(client.query(_ANY, {"account": workspace}).result_rows)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def _in_force(found: list[Rename], names: Names, change: Change) -> Rename | None:
    """Returns the rename that says the same already."""
    same = [
        each
        for each in found
        if (each.workspace, each.renamed_to) == (change.workspace, change.renamed_to)
        and change.since in {None, each.since}
        and names.direct(each.workspace, each.since) == each.renamed_to
    ]
    # It is taken back, or goes on elsewhere, unless it is the last one.
    return same[-1] if same and names.later(change.workspace, same[-1].since) is None else None


def _last(found: Iterable[Rename], workspace: str, since: date) -> Rename:
    own = [each for each in found if (each.workspace, each.since) == (workspace, since)]
    return own[-1]


def _renamed_since(names: Names, workspace: str, month: date) -> date:
    """Returns from which month on a workspace has had no month under its own name until one."""
    first = month
    for since, name in names.changes(workspace):
        if since > month:
            break
        first = month if name == workspace else min(first, since)
    return first


def _first_month(client: Client, names: Names, change: Change) -> date:
    """Returns the month that is asked for, or the first that is not closed.

    Raises:
        SinkError: it is closed, or later months have another name already.
    """
    since = change.since
    if since is None and change.renamed_to == change.workspace:
        since = max((month for month, _ in names.changes(change.workspace)), default=None)
    closed = _last_closed(client, names, change)
    if since is None:
        since = BEGINNING if closed is None else next_month(closed)
    elif closed is not None and since <= closed:
        raise SinkError(
            f"{closed:%Y-%m} is closed for these workspaces, and stays as it was billed: rename "
            f"from {next_month(closed):%Y-%m} on"
        )
    if later := names.later(change.workspace, since):
        raise SinkError(
            f"{change.workspace!r} is renamed from {later:%Y-%m} on: take that back first, with "
            f"`usage-sink workspace rename --workspace {change.workspace} --to {change.workspace} "
            f"--from {later:%Y-%m} --reason WHY`"
        )
    return since


def _last_closed(client: Client, names: Names, change: Change) -> date | None:
    """Returns the last month that is closed for any name that the change is about."""
    whose = {change.workspace, change.renamed_to}
    whose |= {name for each in whose for _, name in names.changes(each)}
    try:
        made = closes.read(client)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    closed = (closes.last_closed(made, each) for each in whose)
    return max((month for month in closed if month is not None), default=None)


def _check(client: Client, names: Names, then: Names, planned: Rename, *, is_merge: bool) -> None:
    """Raises a SinkError if the names cannot become what is planned."""
    old, new, since = planned.workspace, planned.renamed_to, planned.since
    if new == old:
        if names.billed_as(old, since) == old:
            raise SinkError(f"{old!r} is billed under its own name, and there is nothing to undo")
        return
    if then.direct(old, since) != new:
        raise SinkError(f"{new!r} is billed as {old!r}: names cannot lead in a circle")
    if not is_merge and is_known(client, new):
        raise SinkError(
            f"{new!r} has usage of its own: to bill both as {new!r}, as also where services send "
            f"the new name already, use `usage-sink workspace merge --workspace {old} --into {new} "
            "--reason WHY`"
        )


def _align(client: Client, names: Names, workspace: str) -> None:
    """Gives the zones of the new name to all that are billed with it.

    A name that led to the workspace before may never be billed as it now, but as the new one.
    """
    for name in names.recorded_as(workspace, *(billed for _, billed in names.changes(workspace))):
        zones.follow(client, name, names.changes(name))

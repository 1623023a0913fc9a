"""When events were recorded under another name than that under which they are billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from infra.sink.renames import ledger
from infra.sink.zones import workspaces as zones


@dataclass(frozen=True, slots=True)
class Recorded:
    """Events of a workspace from a time on, which are billed under another name.

    `until` is the time before which they are; None if it goes on.
    """

    workspace: str
    since: datetime
    until: datetime | None


def under_other_names(client: Client, workspaces: Iterable[str]) -> list[Recorded]:
    """Returns what is billed as one of the workspaces, and was recorded as none of them.

    Raises:
        SinkError: the store rejects a query.
    """
    asked = set(workspaces)
    names = ledger.names(client)
    others = sorted({*names.recorded_as(*asked)} - asked)
    if not others:
        return []
    calendar = zones.calendar(client, others)
    found = []
    for name in others:
        changes = names.changes(name)
        begins = [calendar.begins(name, month) for month, _ in changes]
        for (_, billed), since, until in zip(changes, begins, [*begins[1:], None], strict=True):
            if billed in asked:
                found.append(Recorded(name, since, until))
    return found

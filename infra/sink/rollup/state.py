"""What refreshes have written down: up to when the roll-ups are complete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from clickhouse_connect.driver.client import Client

from infra.sink.rollup import sql
from infra.sink.usage.sql import Statement, fetch

_BEGINNING = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class State:
    """Up to when the roll-ups are complete.

    Attributes:
        as_of: what had arrived by then is in them, or is pending again; None if they never were
            complete.
        since: nothing that arrived on an earlier day is pending.
        version: of what was written down last.
    """

    as_of: datetime | None
    since: date
    version: int

    @classmethod
    def read(cls, client: Client) -> Self:
        """Returns what is written down.

        Raises:
            SinkError: the store rejects the query.
        """
        [[as_of, since, version]] = fetch(client, Statement(sql.REMEMBERED, {}, ()))
        return cls(
            moment(int(as_of)) if as_of else None,
            date.fromisoformat(since) if since else _BEGINNING,
            int(version),
        )


def moment(nanoseconds: int) -> datetime:
    """Returns a time of the store's clock."""
    return datetime.fromtimestamp(nanoseconds / 10**9, UTC)

"""Deletes what arrived after it was erased, which views hide meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink.erasing import ledger, stored
from infra.sink.erasing.copies import mark_erased
from infra.sink.errors import SinkError
from infra.sink.store import first_line

_LOG = logging.getLogger("sink")
_EVERY_SECONDS = 86_400.0


def sweep(client: Client, connection: Mapping[str, Any]) -> int:
    """Deletes late copies, marks dead letters again, and returns how many events there were.

    Raises:
        ClickHouseError: the store rejects a statement.
        UnavailableError: Kafka does not answer.
    """
    erasures = ledger.read(client)
    if not erasures:
        return 0
    mark_erased(connection, erasures)
    before = {each.account: each.before for each in erasures if not each.key}
    deleted = 0
    for account, workspace in stored.erased_workspaces(client, list(before)):
        found = stored.Workspace(client, workspace, before[account])
        if any(found.count().values()):
            deleted += found.events()
            found.delete()
    for each in erasures:
        if each.key:
            key = stored.Key(client, each.account, each.key, each.before)
            if events := key.events():
                key.delete()
                deleted += events
    return deleted


class PeriodicSweep:
    """Sweeps at the start of a sink and once a day, on its thread, between two batches.

    It is no condition for storing events, so a failure is only logged.
    """

    def __init__(self, connection: Mapping[str, Any], client: Callable[[], Client]) -> None:
        self._connection = connection
        self._client = client
        self._due = time.monotonic()

    def tick(self) -> None:
        """Sweeps if it is time."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY_SECONDS
        try:
            if deleted := sweep(self._client(), self._connection):
                _LOG.info("erased %d events that arrived late", deleted)
        except (SinkError, ClickHouseError, OSError) as failure:
            _LOG.warning("late copies not erased, views hide them: %s", first_line(failure))

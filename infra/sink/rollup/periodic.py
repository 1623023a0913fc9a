"""Refreshes the roll-ups from time to time, on the thread of a sink, between two batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink.counts import Counts
from infra.sink.errors import ClusterError, SinkError
from infra.sink.rollup.refresh import Refresh
from infra.sink.rollup.state import State
from infra.sink.store import first_line

_LOG = logging.getLogger("sink")
# Meanwhile the sink reads nothing: these bound how long a refresh keeps it, at once and in all.
_STEP_DAYS = 5_000
_BUDGET_SECONDS = 2.0
_LEAST_PAUSES = 9
_CATCH_UP_SECONDS = 5.0


class PeriodicRefresh:
    """Refreshes every `seconds`, or sooner while days are pending; never if it is 0.

    Roll-ups are no condition for storing events, so a failure is only logged.
    """

    def __init__(self, seconds: float, client: Callable[[], Client], counts: Counts) -> None:
        self._seconds = seconds
        self._client = client
        self._counts = counts
        self._due = time.monotonic() + seconds

    def tick(self) -> None:
        """Refreshes if it is time, unless another sink has done so."""
        begun = time.monotonic()
        if not self._seconds or begun < self._due:
            return
        pause = self._seconds
        try:
            client = self._client()
            as_of = State.read(client).as_of
            if as_of is None or datetime.now(UTC) - as_of > timedelta(seconds=self._seconds / 2):
                as_of = Refresh(client, _STEP_DAYS).run(_BUDGET_SECONDS).as_of
                if as_of is None:
                    pause = min(pause, _CATCH_UP_SECONDS)
            if as_of is not None:
                self._counts.rolled_up_at = as_of.timestamp()
        except ClusterError as failure:
            self._seconds = 0
            _LOG.info("roll-ups are off: %s", failure)
        except (SinkError, ClickHouseError, OSError) as failure:
            _LOG.warning("roll-ups not refreshed, trying again later: %s", first_line(failure))
        ended = time.monotonic()
        self._due = ended + max(pause, _LEAST_PAUSES * (ended - begun))

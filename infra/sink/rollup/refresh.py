"""Computes roll-ups again where events arrived, sessions may have ended or the catalog changed.

A step takes pending days, computes them from the view of usage, replaces them, and only then notes
them as covered, so that after a crash at any moment they are pending still. What makes days pending
is seen after what it is about, as an insert stores its rows before its arrivals. Arrivals that may
change other days are covered once all these, and their own, are touched.

Of two refreshes at once, whatever either covers is in what stays. Each takes its days, then looks
for the greatest version, writes down a greater one, and only then reads the usage. Of two, either
the second to write has seen the version of the first, and its rows replace those of the first; or
each had taken its days before the other read the usage, and both have all. No clock decides.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import cluster, store
from infra.sink._generated.fields import DATABASE, ROLLUP_STATE
from infra.sink.errors import ClusterError
from infra.sink.rollup import sql
from infra.sink.rollup.state import State, moment
from infra.sink.usage.sql import AS_WRITTEN

STEP_DAYS = 20_000
# How long after its arrival is stored an insert may still end.
_IN_FLIGHT = timedelta(days=2)
_ABANDONED_NS = 86_400 * 10**9
_COLUMNS = ("kind", "subject", "value", "version")
_SETTINGS = {
    **AS_WRITTEN,
    "max_bytes_before_external_group_by": 256 << 20,
    "max_bytes_before_external_sort": 256 << 20,
    # Several months of history may be touched at once.
    "max_partitions_per_insert_block": 0,
}


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did; `as_of` is None while something is pending."""

    days: int
    as_of: datetime | None


class Refresh:
    """A refresh of the roll-ups of a store.

    Args:
        client: the store.
        step_days: how many days a step computes at most, which bounds its memory.
    """

    def __init__(self, client: Client, step_days: int = STEP_DAYS) -> None:
        self._client = client
        self._step_days = step_days

    def run(self, seconds: float | None = None, *, every: bool = False) -> Refreshed:
        """Computes pending days, and begins no step after so many seconds.

        Args:
            seconds: how long to go on; until nothing is pending if None.
            every: compute all days, whether they are pending or not.

        Raises:
            ClusterError: the store is of a cluster.
            SinkError: the store rejects a statement.
        """
        try:
            if cluster.of_store(self._client) is not None:
                raise ClusterError(
                    "the store of a cluster has no roll-ups: usage is read from its events; "
                    "pass --rollup-seconds 0 to its sinks"
                )
            return self._run(None if seconds is None else time.monotonic() + seconds, every)
        except ClickHouseError as failure:
            raise store.query_error(failure) from None

    def _run(self, deadline: float | None, every: bool) -> Refreshed:
        self._drop_abandoned()
        values: dict[str, Any] = {
            "since": State.read(self._client).since,
            "today": moment(self._now()).date(),
        }
        self._command(sql.EVERY if every else sql.OPEN, values)
        days = 0
        while True:
            self._touch_changed(values)
            before = self._now()
            values |= {"step": before, "days": self._step_days}
            decided = self._decide(values)
            taken = self._step(values)
            if not decided and not taken:
                since = moment(before).date() - _IN_FLIGHT
                self._remember([(sql.SINCE, "", str(since)), (sql.AS_OF, "", str(before))])
                return Refreshed(days, moment(before))
            days += taken
            if deadline is not None and time.monotonic() >= deadline:
                return Refreshed(days, None)

    def _decide(self, values: dict[str, Any]) -> bool:
        """Touches the days that arrivals may have changed beside their own; False without any.

        They are then pending as days only, so that each is computed once, whatever changed it.
        """
        self._command(sql.TAKE_DECIDING, values)
        for has_related, has_backdated in self._rows(sql.DECIDING, values):
            for statement in sql.RELATED if has_related else ():
                self._command(statement, values)
            if has_backdated:
                self._command(sql.BACKDATED, values)
            self._command(sql.OWN, values)
            self._command(sql.COVER, values)
            self._command(sql.drop(values["step"]), {})
            return True
        return False

    def _step(self, values: dict[str, Any]) -> int:
        """Computes some days, and returns how many."""
        self._command(sql.TAKE, values)
        [[days, first, end]] = self._rows(sql.TAKEN, values)
        if days:
            version = self._remember([(sql.VERSION, "", "")])
            values = {**values, "first": first, "end": end, "version": version}
            [[sessions]] = self._rows(sql.HAS_SESSIONS, values)
            self._command(sql.compute(sessions=bool(sessions)), values)
            # What changes from here on touches the days that are computed now.
            if not self._rows(sql.CHANGED, {}):
                self._command(sql.COVER, values)
            self._command(sql.drop(values["step"]), {})
        return int(days)

    def _touch_changed(self, values: dict[str, Any]) -> None:
        """Touches the days whose usage may have changed although nothing arrived."""
        changed = self._rows(sql.CHANGED, {})
        for kind in {kind for kind, _, _ in changed} - {sql.VIEW_IDS}:
            subjects = [subject for each, subject, _ in changed if each == kind]
            self._command(sql.TOUCHED[kind], {**values, "subjects": subjects})
        if changed:
            self._remember(changed)

    def _drop_abandoned(self) -> None:
        before = self._now() - _ABANDONED_NS
        for [step] in self._rows(sql.OLD_STEPS, {"before": before}):
            self._command(sql.drop(step), {})

    def _remember(self, rows: Iterable[tuple[str, str, str]]) -> int:
        """Writes down what is so now, under a version greater than any before, and returns it."""
        [[version]] = self._rows(sql.NEXT_VERSION, {})
        values = [(*row, version) for row in rows]
        self._client.insert(ROLLUP_STATE, values, _COLUMNS, database=DATABASE)
        return int(version)

    def _now(self) -> int:
        [[now]] = self._rows(sql.NOW, {})
        return int(now)

    def _rows(self, query: str, values: dict[str, Any]) -> list[Any]:
        return list(self._client.query(query, values, settings=_SETTINGS).result_rows)

    def _command(self, statement: str, values: dict[str, Any]) -> None:
        self._client.command(statement, values, settings=_SETTINGS)

"""Kafka to store: consume, insert, write dead letters, commit; pause while one is unavailable."""

from __future__ import annotations

import gc
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException

from infra.sink.batch import Batch, Limits
from infra.sink.counts import Counts
from infra.sink.decode import Rejection
from infra.sink.dlq.producer import DeadLetterProducer
from infra.sink.dsn import Dsn
from infra.sink.erasing.sweep import PeriodicSweep
from infra.sink.errors import UnavailableError
from infra.sink.rollup.periodic import PeriodicRefresh
from infra.sink.source import Source
from infra.sink.writer import Writer

_LOG = logging.getLogger("sink")
_READ = 2_000
_READ_SECONDS = 0.1
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.25, 15.0
_DRAIN_SECONDS = 10.0


class Pipeline:
    """Moves messages from the usage topic into the store and the dead-letter topic.

    An offset is committed only once the store has every row before it and the dead-letter topic
    every message that is not an event, so after a crash at any moment they are read again. What is
    then written twice counts once: the view over the table and `dlq` drop the duplicates.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        dsn: Dsn | str | None,
        limits: Limits,
        group: str,
        instance: str | None = None,
        *,
        strict: bool = False,
        rollup_seconds: float = 0,
    ) -> None:
        self.counts = Counts()
        self._limits = limits
        self._strict = strict
        self._batch = Batch(limits, strict)
        self._attempts = 0
        self._retry_at = 0.0
        self._writer = Writer(dsn)
        self._sweep = PeriodicSweep(connection, self._writer.open)
        self._rollups = PeriodicRefresh(rollup_seconds, self._writer.open, self.counts)
        self._dead_letters = DeadLetterProducer(connection)
        self._source = Source(connection, group, instance, revoked=self._flush, lost=self._drop)

    def run(self, stopping: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Runs until `stopping`, then drains the batch; calls `tick` after every step."""
        try:
            self._open()
            while not stopping():
                self._step()
                tick()
            self._drain()
        finally:
            self._source.close()
            self._writer.close()

    def _open(self) -> None:
        """Reports at once that the store cannot be used, not when the first event arrives."""
        try:
            self._writer.check()
        except UnavailableError as failure:
            self._pause(failure)

    def _step(self) -> None:
        messages = self._source.read(_READ, _READ_SECONDS)
        for gap in self._source.take_gaps():
            self._batch.add_gap(gap)
        for message in messages:
            self._batch.add(message)
        self.counts.read += len(messages)
        self.counts.lag = self._source.lag(idle=not self._batch.offsets)
        if self._attempts:
            if time.monotonic() >= self._retry_at:
                self._deliver()
        elif self._batch.due:
            self._deliver()
        if not self._batch.offsets and not self._attempts:
            self._sweep.tick()
            self._rollups.tick()

    def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._batch.offsets and time.monotonic() < deadline:
            if not self._deliver():
                time.sleep(_FIRST_BACKOFF)
        if self._batch.offsets:
            _LOG.warning("last batch not stored before the stop, the next start reads it again")
            self._drop()

    def _deliver(self) -> bool:
        try:
            if not self._batch.rows and self._attempts:
                self._writer.check()  # else the sink would resume without having tried anything
            self._store()
        except UnavailableError as failure:
            self._pause(failure)
            return False
        if self._batch.offsets:
            self._source.commit(self._batch.offsets)
        self._drop()
        self._resume()
        return True

    def _store(self) -> None:
        """Inserts the rows of the batch and writes its dead letters."""
        batch, counts = self._batch, self.counts
        if batch.gaps:
            self._writer.insert_gaps(batch.gaps)
            counts.expired += sum(gap.messages for gap in batch.gaps)
            batch.gaps = []
        if batch.rows:
            start = time.perf_counter()
            rows = [row for row, _ in batch.rows]
            rejected = dict(self._writer.insert(rows))
            counts.insert_seconds += time.perf_counter() - start
            counts.inserts += 1
            counts.stored += len(rows) - len(rejected)
            unknown, undeclared = batch.unknown(rejected)
            for metric, events in unknown.items():
                counts.add_unknown(metric, events)
            counts.undeclared += undeclared
            batch.dead += [
                (Rejection("refused", reason), batch.rows[index][1])
                for index, reason in rejected.items()
            ]
            batch.rows = []
        if batch.dead:
            self._dead_letters.send(batch.dead)
            counts.dead.update(rejection.code for rejection, _ in batch.dead)
            batch.dead = []

    def _pause(self, failure: UnavailableError) -> None:
        longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 10)
        self._retry_at = time.monotonic() + longest * random.uniform(0.5, 1)  # noqa: S311
        self.counts.failures += 1
        if self.counts.pause_reason != str(failure):
            self.counts.pause_reason = str(failure)
            _LOG.warning("paused, retrying at least every %.0fs: %s", _LONGEST_BACKOFF, failure)
        self._source.pause()

    def _resume(self) -> None:
        if self._attempts:
            self._attempts = 0
            self.counts.pause_reason = ""
            _LOG.info("resumed")
            self._source.resume()

    def _flush(self) -> None:
        """Stores and commits the batch, if possible, before its partitions are revoked."""
        if self._batch.offsets and not self._attempts:
            try:
                self._store()
                self._source.commit_now(self._batch.offsets)
            except (UnavailableError, KafkaException) as failure:
                _LOG.warning("batch not stored before the rebalance, it is read again: %s", failure)
        self._drop()

    def _drop(self) -> None:
        self._batch = Batch(self._limits, self._strict)
        gc.collect()

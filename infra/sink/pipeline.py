"""Kafka → store: read, insert, write dead letters, commit; and wait where one of them is away."""

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
from infra.sink.decode import Refusal
from infra.sink.dlq.producer import DeadLetterProducer
from infra.sink.errors import UnavailableError
from infra.sink.source import Source
from infra.sink.writer import Writer

_LOG = logging.getLogger("sink")
_READ = 2_000
_READ_SECONDS = 0.1
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 15.0
_DRAIN_SECONDS = 10.0


class Pipeline:
    """One sink at work.

    An offset is committed only when the store has each row before it, and the dead letter topic
    each message that is none: whatever dies at whatever moment, it is read again. What was then
    written twice counts once, as the table's view and the dead letter tool drop the repetition.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        dsn: str | None,
        limits: Limits,
        group: str,
        instance: str | None = None,
    ) -> None:
        self.counts = Counts()
        self._limits = limits
        self._batch = Batch(limits)
        self._waits = 0
        self._retry_at = 0.0
        self._writer = Writer(dsn)
        self._dead_letters = DeadLetterProducer(connection)
        self._source = Source(connection, group, instance, leaving=self._leave, lost=self._drop)

    def run(self, stopping: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Works until `stopping`, then brings in what was read; `tick` is called all the while."""
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
        """Says at once where the store cannot be opened, not when the first event comes."""
        try:
            self._writer.open()
        except UnavailableError as failure:
            self._wait(failure)

    def _step(self) -> None:
        messages = self._source.read(_READ, _READ_SECONDS)
        for message in messages:
            self._batch.add(message)
        self.counts.read += len(messages)
        self.counts.lag = self._source.lag(idle=not self._batch.offsets)
        if self._waits:
            if time.monotonic() >= self._retry_at:
                self._deliver()
        elif self._batch.due:
            self._deliver()

    def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._batch.offsets and time.monotonic() < deadline:
            if not self._deliver():
                time.sleep(_FIRST_WAIT)
        if self._batch.offsets:
            _LOG.warning("ends without its last batch, which stays in Kafka for the next start")
            self._drop()

    def _deliver(self) -> bool:
        try:
            self._store()
        except UnavailableError as failure:
            self._wait(failure)
            return False
        if self._batch.offsets:
            self._source.commit(self._batch.offsets)
        self._drop()
        self._go_on()
        return True

    def _store(self) -> None:
        """Brings every message of the batch to where it belongs."""
        batch, counts = self._batch, self.counts
        if batch.rows:
            start = time.perf_counter()
            rows = [row for row, _ in batch.rows]
            refused = dict(self._writer.insert(rows))
            counts.insert_seconds += time.perf_counter() - start
            counts.inserts += 1
            counts.stored += len(rows) - len(refused)
            for metric, events in batch.unknown(refused).items():
                counts.add_unknown(metric, events)
            batch.dead += [
                (Refusal("refused", why), batch.rows[index][1]) for index, why in refused.items()
            ]
            batch.rows = []
        if batch.dead:
            self._dead_letters.send(batch.dead)
            counts.dead.update(refusal.code for refusal, _ in batch.dead)
            batch.dead = []

    def _wait(self, failure: UnavailableError) -> None:
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._waits) * random.uniform(0.5, 1)  # noqa: S311
        self._waits = min(self._waits + 1, 10)
        self._retry_at = time.monotonic() + wait
        self.counts.failures += 1
        if self.counts.waiting != str(failure):
            self.counts.waiting = str(failure)
            _LOG.warning("waits, and loses nothing: %s", failure)
        self._source.pause()

    def _go_on(self) -> None:
        if self._waits:
            self._waits = 0
            self.counts.waiting = ""
            _LOG.info("goes on")
            self._source.resume()

    def _leave(self) -> None:
        """Other sinks are to take the partitions: what can be stored now is, the rest is theirs."""
        if self._batch.offsets and not self._waits:
            try:
                self._store()
                self._source.commit_now(self._batch.offsets)
            except (UnavailableError, KafkaException) as failure:
                _LOG.warning("leaves a batch to whoever reads its partitions next: %s", failure)
        self._drop()

    def _drop(self) -> None:
        self._batch = Batch(self._limits)
        gc.collect()

"""Measures the sink from Kafka to chDB against the least that reading and inserting take.

The floor is, one after the other, consuming as many messages without processing them, and
inserting their bytes, already in memory, in batches of the same size.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, Producer
from eka_usage import METRIC_TYPES, USAGE_TOPIC, EkaClient, find_metric
from eka_usage.testing import InMemoryProducer

from infra.sink.batch import Limits
from infra.sink.migrate import migrate
from infra.sink.pipeline import Pipeline
from infra.sink.store import open_store
from infra.sink.writer import insert_into
from tests.bench.rows import ROOT, Row, emit, median_ratio
from tests.broker import DevBroker

EVENTS = 300_000
BATCH = 100_000
ROUNDS = 3
EVENTS_PER_SECOND = 50_000
WORKSPACES = 50


def events() -> list[bytes]:
    """Returns events as the SDK encodes them."""
    taken: list[bytes] = []

    class Capture(InMemoryProducer):
        def produce(self, *, value: bytes, **rest: Any) -> None:
            taken.append(value)

    product, names = next(iter(METRIC_TYPES.items()))
    metric = find_metric(product, names[0])
    assert metric is not None
    with EkaClient("bench", producer=Capture()) as client:
        for number in range(EVENTS):
            client.record_metric(f"workspace-{number % WORKSPACES}", metric, number % 100)
    return taken


def fill(bootstrap: str, values: Sequence[bytes]) -> None:
    """Produces the events to the topic, keyed by workspace."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "queue.buffering.max.messages": EVENTS,
            "linger.ms": 50,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "enable.metrics.push": False,
        }
    )
    for number, value in enumerate(values):
        producer.produce(USAGE_TOPIC, value=value, key=f"workspace-{number % WORKSPACES}")
    assert producer.flush(60) == 0


def read_only(connection: dict[str, Any]) -> float:
    """Measures the seconds to read all events after the first."""
    consumer = Consumer(
        {
            **connection,
            "group.id": "floor",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([USAGE_TOPIC])
    while not (read := len(consumer.consume(1, 1))):
        pass
    start = time.perf_counter()
    while read < EVENTS:
        read += len(consumer.consume(2_000, 0.1))
    seconds = time.perf_counter() - start
    consumer.close()
    return seconds


def insert_only(values: Sequence[bytes], dsn: str) -> float:
    """Measures the seconds to insert all events."""
    with open_store(dsn) as client:
        migrate(client)
        start = time.perf_counter()
        for first in range(0, EVENTS, BATCH):
            insert_into(client, values[first : first + BATCH])
        return time.perf_counter() - start


def sink(connection: dict[str, Any], dsn: str) -> float:
    """Measures the seconds from the first message that the sink reads until the last is stored.

    The sink stops once it has read them all, so that no batch waits to fill up.
    """
    with open_store(dsn) as client:
        migrate(client)
    pipeline = Pipeline(connection, dsn, Limits(BATCH, 2**30, 5.0), "sink")
    started: list[float] = []

    def tick() -> None:
        if not started and pipeline.counts.read:
            started.append(time.perf_counter())

    pipeline.run(lambda: pipeline.counts.read >= EVENTS, tick)
    seconds = time.perf_counter() - started[0]
    assert pipeline.counts.stored == EVENTS
    return seconds


def main() -> None:
    """Measures the floor and the sink in turn, each round with a new broker and a new store."""
    # As the sink command does: see infra/sink/run.py.
    gc.freeze()
    gc.disable()
    values = events()
    floors, sinks = [], []
    for _ in range(ROUNDS):
        with DevBroker() as broker, tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
            connection = {"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False}
            fill(broker.bootstrap, values)
            reading = read_only(connection)
            floors.append(reading + insert_only(values, f"chdb://{folder}/floor"))
            sinks.append(sink(connection, f"chdb://{folder}/sink"))
    emit(
        Row(
            language="sink",
            what="Kafka to chDB: time per event",
            measured=statistics.median(sinks) / EVENTS * 1e6,
            unit="µs",
            floor="read, then insert",
            ratio=median_ratio(sinks, floors),
        )
    )
    emit(
        Row(
            language="sink",
            what="Kafka to chDB: throughput",
            measured=EVENTS / statistics.median(sinks),
            unit="events/s",
            at_least=EVENTS_PER_SECOND,
        )
    )


if __name__ == "__main__":
    main()

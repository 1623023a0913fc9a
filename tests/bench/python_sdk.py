"""Measures record() against a raw produce() of the same bytes, in one run against one broker.

The floor is what a careful caller would write with confluent_kafka alone: prebuilt bytes, the same
properties, a delivery report for every event. `errors only` is the same floor without delivery
reports of success.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from confluent_kafka import Producer
from eka_usage import USAGE_TOPIC, EkaClient, Usage
from eka_usage.testing import InMemoryProducer

from tests.bench.rows import Row, emit, median_ratio
from tests.broker import DevBroker

EVENTS = 100_000
ROUNDS = 7
WORKSPACES = [f"workspace-{number}" for number in range(50)]
QUEUE_EVENTS = EVENTS + 2
QUEUE_BYTES = 2**30
PROPERTIES = {
    "linger.ms": 50,
    "batch.size": 65536,
    "compression.type": "lz4",
    "acks": 1,
    "retries": 5,
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": QUEUE_EVENTS,
    "queue.buffering.max.kbytes": QUEUE_BYTES // 1024,
    "enable.metrics.push": False,
}
FLOOR = "raw produce()"
CALLER_AIM, CPU_AIM, IMPORT_AIM, DURABLE_AIM = 2.0, 2.5, 2.0, 3.5
IMPORTS = 15
REPLAYS, REPLAY_AIM = 3, 50_000
CALLERS = 8
MANY = f", {CALLERS} callers"
MANY_FLOOR = FLOOR + MANY
BATCH = 100
BATCHES = f"record_many(), {BATCH} events"
BATCH_AIM, DURABLE_BATCH_AIM = 0.85, 0.6
AIMS = {
    (BATCHES, "caller"): BATCH_AIM,
    (f"{BATCHES}, durable", "caller"): DURABLE_BATCH_AIM,
    ("record()", "caller"): CALLER_AIM,
    ("record()", "CPU"): CPU_AIM,
    ("record(), spill", "caller"): CALLER_AIM,
    ("record(), durable", "caller"): DURABLE_AIM,
    (f"record(){MANY}", "caller"): CALLER_AIM,
    (f"record(), spill{MANY}", "caller"): CALLER_AIM,
    (f"record(), durable{MANY}", "caller"): DURABLE_AIM,
}
KINDS = ("caller", "CPU", "delivered")


Mode = Literal["off", "spill", "durable"]


class Cost(NamedTuple):
    """Microseconds per event: until record() returns, of total CPU, until all are delivered."""

    caller: float
    cpu: float
    delivered: float


def measure(work: Callable[[], None], flush: Callable[[], object], events: int = EVENTS) -> Cost:
    """Measures the calls that `work` makes and whose delivery `flush` awaits."""
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    work()
    called = time.perf_counter()
    flush()
    delivered, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Cost(*(seconds / events * 1e6 for seconds in (called - start, cpu, delivered)))


@contextmanager
def polled(producer: Producer) -> Iterator[None]:
    """Serves delivery reports from a thread, as a service would."""
    stopped = threading.Event()

    def poll() -> None:
        while not stopped.is_set():
            producer.poll(0.1)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def spread(callers: int, call: Callable[[range], None]) -> None:
    """Spreads the events over this many threads, which call at once."""
    parts = [range(first, EVENTS, callers) for first in range(callers)]
    if callers == 1:
        call(parts[0])
        return
    threads = [threading.Thread(target=call, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def raw(bootstrap: str, callers: int = 1, **properties: Any) -> Cost:
    """Measures the floor: producing the same bytes over and over."""
    producer = Producer({"bootstrap.servers": bootstrap, **PROPERTIES, **properties})
    producer.list_topics(USAGE_TOPIC, timeout=10)
    event, delivered = sample(), [0]

    def reported(error: object, _: object) -> None:
        delivered[0] += error is None

    def call(numbers: range) -> None:
        produce = producer.produce
        for number in numbers:
            workspace = WORKSPACES[number % 50]
            produce(USAGE_TOPIC, key=workspace, value=event, on_delivery=reported)

    with polled(producer):
        return measure(lambda: spread(callers, call), lambda: producer.flush(60))


def sdk(
    bootstrap: str,
    metadata: dict[str, object] | None = None,
    *,
    mode: Mode = "off",
    callers: int = 1,
    batch: int = 1,
) -> Cost:
    """Measures the same number of events, each recorded by its own call, or so many by one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EkaClient(
            "bench",
            bootstrap,
            max_queue_events=QUEUE_EVENTS,
            max_queue_bytes=QUEUE_BYTES,
            spool=mode,
            spool_dir=f"{folder}/spool",
        ) as client,
    ):
        client.record("warm-up", "api", "api_call")
        client.flush()

        def call(numbers: range) -> None:
            record = client.record
            for number in numbers:
                record(WORKSPACES[number % 50], "api", "api_call", metadata=metadata)

        def call_many(numbers: range) -> None:
            for first in range(0, len(numbers), batch):
                some = numbers[first : first + batch]
                client.record_many(
                    [Usage(WORKSPACES[number % 50], "api", "api_call") for number in some]
                )

        each = call if batch == 1 else call_many
        cost = measure(lambda: spread(callers, each), lambda: client.flush(60))
        stats = client.stats()
    assert stats.delivered == EVENTS + 1, stats
    return cost


def replay() -> float:
    """Measures the events per second that a client replays from the disk."""
    with DevBroker() as broker:
        address = broker.bootstrap  # free once the broker has stopped
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {
            "spool": "spill",
            "spool_dir": f"{folder}/spool",
            "kafka_config": {"log_level": 0},
        }
        with EkaClient("bench", address, max_queue_events=2, **options) as client:
            for number in range(EVENTS):
                client.record(WORKSPACES[number % 50], "api", "api_call")
            client.shutdown(0)
        with DevBroker(listen=address), EkaClient("bench", address, **options) as client:
            start = time.perf_counter()
            while client.stats().replayed < EVENTS:
                time.sleep(0.005)
            return EVENTS / (time.perf_counter() - start)


def sample() -> bytes:
    """Returns the bytes of one event as the SDK encodes it."""
    taken: list[bytes] = []

    class Capture(InMemoryProducer):
        def produce(self, *, value: bytes, **rest: Any) -> None:
            taken.append(value)
            super().produce(value=value, **rest)

    with EkaClient("bench", producer=Capture()) as client:
        client.record(WORKSPACES[0], "api", "api_call")
    return taken[0]


def import_ms(module: str) -> float:
    """Measures the import of a module in a new process, compiled as an installed one is."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(run.stdout) * 1000


def emit_ratio(
    what: str,
    ours: Sequence[float],
    floor: str,
    least: Sequence[float],
    *,
    unit: str = "µs",
    aim: float | None = None,
) -> None:
    """Emits a row for values and floors measured in pairs."""
    emit(
        Row(
            language="Python",
            what=what,
            measured=statistics.median(ours),
            unit=unit,
            floor=floor,
            ratio=median_ratio(ours, least),
            at_most=aim,
        )
    )


def main() -> None:
    """Measures all subjects in turn, round by round."""
    subjects: dict[str, Callable[[str], Cost]] = {
        FLOOR: raw,
        f"{FLOOR}, errors only": lambda to: raw(to, **{"delivery.report.only.error": True}),
        "record()": sdk,
        "record(), spill": lambda to: sdk(to, mode="spill"),
        "record(), durable": lambda to: sdk(to, mode="durable"),
        BATCHES: lambda to: sdk(to, batch=BATCH),
        f"{BATCHES}, durable": lambda to: sdk(to, mode="durable", batch=BATCH),
        "record(), 3 metadata keys": lambda to: sdk(to, {"model": "m-1", "n": 3, "cached": True}),
        MANY_FLOOR: lambda to: raw(to, CALLERS),
        f"record(){MANY}": lambda to: sdk(to, callers=CALLERS),
        f"record(), spill{MANY}": lambda to: sdk(to, mode="spill", callers=CALLERS),
        f"record(), durable{MANY}": lambda to: sdk(to, mode="durable", callers=CALLERS),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        with DevBroker() as broker:  # a new one per round, so that its memory does not grow
            for name, subject in subjects.items():
                costs[name].append(subject(broker.bootstrap))
    for name, rows in costs.items():
        floor = MANY_FLOOR if name.endswith(MANY) else FLOOR
        if name.startswith(BATCHES):
            floor = name.replace(BATCHES, "record()")
        if name == floor:
            continue
        columns = zip(KINDS, zip(*rows, strict=True), zip(*costs[floor], strict=True), strict=True)
        for kind, ours, least in columns:
            emit_ratio(f"{name}: {kind}", ours, floor, least, aim=AIMS.get((name, kind)))
    rate = statistics.median(replay() for _ in range(REPLAYS))
    row = Row(language="Python", what="replay", measured=rate, unit="events/s", at_least=REPLAY_AIM)
    emit(row)
    ours, least = zip(
        *((import_ms("eka_usage"), import_ms("confluent_kafka")) for _ in range(IMPORTS)),
        strict=True,
    )
    emit_ratio("import eka_usage", ours, "import confluent_kafka", least, unit="ms", aim=IMPORT_AIM)


if __name__ == "__main__":
    main()

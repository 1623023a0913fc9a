"""Measures the size of an event as JSON, in Kafka and in the store, for capacity planning.

The events vary: every metric type, many workspaces of which a few are most active, and metadata
with four entries, one of them a random, incompressible id.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eka_usage import METRIC_TYPES, STATUSES, EkaClient

from infra.sink._generated.fields import DATABASE, RECEIPTS, TABLE
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.writer import insert_into
from tests.bench.rows import ROOT, Row, emit
from tests.broker import DevBroker
from tests.e2e.reader import read_messages

EVENTS = 300_000
ALONE = 3_000
CLIENTS = 5
WORKSPACES = 2_000
_BATCH = 100_000


def calls(count: int) -> Iterator[dict[str, Any]]:
    """Yields arguments of `record()`, the same in every run except for the time."""
    chance = random.Random(1)
    now = datetime.now(UTC)
    metrics = [(product, name) for product, names in METRIC_TYPES.items() for name in names]
    ids = [f"ws-{chance.randrange(10**8):08d}" for _ in range(WORKSPACES)]
    weights = [1 / rank for rank in range(1, WORKSPACES + 1)]
    for workspace in chance.choices(ids, weights, k=count):
        product, metric_type = chance.choice(metrics)
        yield {
            "workspace_id": workspace,
            "product": product,
            "metric_type": metric_type,
            "quantity": chance.choice((1, chance.randint(2, 60), round(chance.uniform(0, 30), 2))),
            "status": chance.choices(STATUSES, weights=(20, *(1,) * len(STATUSES[1:])))[0],
            "unit_cost": chance.choice((None, 0.0125, 0.4)),
            "metadata": {
                "request": f"{chance.getrandbits(128):032x}",
                "model": chance.choice(("m-1", "m-2", "m-3")),
                "route": chance.choice(("/v1/orders", "/v1/chat", "/v2/records")),
                "ms": chance.randrange(3000),
            },
            "occurred_at": now - timedelta(seconds=chance.randrange(20 * 86_400)),
        }


def send(folder: Path, count: int, *, together: bool) -> tuple[float, list[bytes]]:
    """Sends events; returns the bytes per event in the broker's files, and the events."""
    with DevBroker(data_dir=folder) as broker:
        clients = [
            EkaClient(
                f"service-{number}",
                kafka_brokers=broker.bootstrap,
                max_queue_events=EVENTS,
                max_queue_bytes=2**30,
            )
            for number in range(CLIENTS)
        ]
        for number, call in enumerate(calls(count)):
            client = clients[number % CLIENTS]
            if client.record(**call) is None:
                raise RuntimeError(f"an event was rejected: {client.stats()}")
            if not together:
                client.flush()
        for client in clients:
            client.shutdown()
        values = [message.value() or b"" for message in read_messages(broker.bootstrap)]
    files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return files / count, values


def store(folder: Path, values: Sequence[bytes]) -> dict[str, float]:
    """Stores events; returns the bytes per event in each table once its parts are merged."""
    with open_store(f"chdb://{folder}") as client:
        migrate(client)
        for first in range(0, len(values), _BATCH):
            insert_into(client, values[first : first + _BATCH])
        for table in (TABLE, RECEIPTS):
            client.command(f"OPTIMIZE TABLE {DATABASE}.{table} FINAL")
        sizes = client.query(
            "SELECT table, sum(bytes_on_disk) / sum(rows) FROM system.parts"
            f" WHERE active AND database = '{DATABASE}' GROUP BY table"
        )
        return dict(map(tuple, sizes.result_rows))


def main() -> None:
    """Measures the size in each place."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as name:
        folder = Path(name)
        alone, _ = send(folder / "alone", ALONE, together=False)
        together, values = send(folder / "together", EVENTS, together=True)
        tables = store(folder / "store", values)
    for what, size in (
        ("as JSON", sum(map(len, values)) / len(values)),
        ("in Kafka, in full batches", together),
        ("in Kafka, alone in its batch", alone),
        *((f"in {table}", tables[table]) for table in (TABLE, RECEIPTS)),
    ):
        emit(Row(language="sizes", what=f"an event {what}", measured=size, unit="bytes"))


if __name__ == "__main__":
    main()

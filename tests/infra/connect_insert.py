"""What ClickHouse's connector inserts, with the settings of kafka-connect-sink.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from clickhouse_connect.driver.client import Client
from eka_usage import METRIC_TYPES, EkaClient, find_metric

from tests.sink.harness import RecordingProducer

_ROOT = Path(__file__).resolve().parents[2]
CONFIG: Mapping[str, str] = json.loads((_ROOT / "infra/kafka-connect-sink.json").read_text())
TABLE = f"{CONFIG['database']}.{CONFIG['topic2TableMap'].partition('=')[2]}"
# More digits than a double can represent.
QUANTITY = Decimal("123456789012345678.123456789012")
_METRIC = next(
    metric
    for product, metric_types in METRIC_TYPES.items()
    if (metric := find_metric(product, metric_types[0])) is not None
)


def real_events() -> list[bytes]:
    """Events of an SDK with values that are easily corrupted."""
    producer = RecordingProducer()
    with EkaClient("connect", producer=producer) as client:
        for metadata in ({}, {"text": 'ünï "quoted" \\ 🎈'}, {"lines": "a\nb"}):
            cost = Decimal("0.000000000001")
            client.record_metric("ws-1", _METRIC, QUANTITY, unit_cost=cost, metadata=metadata)
    return producer.messages


def insert(client: Client, events: list[bytes]) -> None:
    """Inserts a batch as the connector does, which puts no separator between messages."""
    client.raw_insert(
        TABLE,
        insert_block=b"".join(events),
        settings=dict(pair.split("=") for pair in CONFIG["clickhouseSettings"].split(",")),
        fmt="JSONEachRow",
    )

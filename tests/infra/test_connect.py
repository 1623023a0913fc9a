"""kafka-connect-sink.json, as far as it can be tested without ClickHouse's connector.

Kafka Connect runs it with the file connector in place of ClickHouse's; what the connector would
insert is inserted into ClickHouse's engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from eka_usage import DEAD_LETTER_TOPIC, METRIC_TYPES, USAGE_TOPIC, EkaClient, find_metric

from infra.sink import migrate, store
from infra.sink.__main__ import main
from infra.sink._generated.fields import ID, TIME
from tests.e2e.connect import Connect
from tests.e2e.java import needs_kafka
from tests.e2e.real_broker import TRANSACTIONS, RealBroker
from tests.sink.harness import RecordingProducer, encoded, event
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
CONFIG: Mapping[str, str] = json.loads((_ROOT / "infra/kafka-connect-sink.json").read_text())
_FILE_SINK = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector"}
# More digits than a double can represent.
_QUANTITY = Decimal("123456789012345678.123456789012")
_METRIC = next(
    metric
    for product, metric_types in METRIC_TYPES.items()
    if (metric := find_metric(product, metric_types[0])) is not None
)
_BAD = b'{"event_id": not JSON \xff'


def real_events() -> list[bytes]:
    """Events of an SDK with values that are easily corrupted."""
    producer = RecordingProducer()
    with EkaClient("connect", producer=producer) as client:
        for metadata in ({}, {"text": 'ünï "quoted" \\ 🎈'}, {"lines": "a\nb"}):
            cost = Decimal("0.000000000001")
            client.record_metric("ws-1", _METRIC, _QUANTITY, unit_cost=cost, metadata=metadata)
    return producer.messages


def insert(client: Client, events: list[bytes]) -> None:
    """Inserts a batch as the connector does, which puts no separator between messages."""
    client.raw_insert(
        f"{CONFIG['database']}.{CONFIG['topic2TableMap'].partition('=')[2]}",
        insert_block=b"".join(events),
        settings=dict(pair.split("=") for pair in CONFIG["clickhouseSettings"].split(",")),
        fmt="JSONEachRow",
    )


def states(worker: Connect, connector: str) -> set[str]:
    """The states of its tasks."""
    status = worker.request("GET", f"/connectors/{connector}/status")
    return {task["state"] for task in status["tasks"]}


def references() -> dict[str, str]:
    """A value for every variable that the configuration references."""
    text = json.dumps(CONFIG)
    return {name: f"a {name}" for name in re.findall(r"\$\{env:(\w+)\}", text)}


def produce(bootstrap: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.metrics.push": False})
    for value in values:
        producer.produce(USAGE_TOPIC, value, b"ws-1")
    assert producer.flush(10) == 0


def dead_letter(bootstrap: str) -> tuple[bytes | None, dict[str, bytes]]:
    """The first dead letter, and its headers."""
    settings = {"group.id": "dlq", "auto.offset.reset": "earliest", "enable.metrics.push": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, **settings})
    try:
        consumer.subscribe([DEAD_LETTER_TOPIC])
        message = consumer.poll(30)
        assert message is not None
        headers: Any = message.headers()
        return message.value(), dict(headers or [])
    finally:
        consumer.close()


def wait_for_lines(file: Path, count: int) -> list[bytes]:
    def lines() -> list[bytes]:
        return file.read_bytes().splitlines() if file.exists() else []

    eventually(lambda: len(lines()) >= count, lambda: f"{file} has {len(lines())} of {count} lines")
    return lines()


@needs_kafka
@pytest.mark.timeout(300)  # Java starts three times
def test_connect_accepts_the_configuration_and_passes_every_event_unchanged(tmp_path: Path) -> None:
    out, strict = tmp_path / "out", tmp_path / "strict"
    config = {**CONFIG, **_FILE_SINK, "file": str(out)}
    file = tmp_path / "sink.json"
    file.write_text(json.dumps(config))
    events = real_events()
    with RealBroker(tmp_path, TRANSACTIONS) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        topics = [NewTopic(name, 1, 1) for name in (USAGE_TOPIC, DEAD_LETTER_TOPIC)]
        for creation in admin.create_topics(topics).values():
            creation.result()
        produce(broker.bootstrap, [*events[:1], _BAD, *events[1:]])
        with Connect(broker.bootstrap, tmp_path, file, references()) as worker:
            plugin = "/connector-plugins/FileStreamSink/config/validate"
            checked = worker.request("PUT", plugin, config)
            faults = [entry["value"] for entry in checked["configs"] if entry["value"]["errors"]]
            assert faults == []
            known = {entry["value"]["name"] for entry in checked["configs"]}
            assert {"errors.tolerance", "value.converter", "tasks.max", "topics"} <= known

            # What is not JSON is still text; only ClickHouse rejects it.
            garbage = _BAD.decode(errors="replace").encode()
            lines = wait_for_lines(out, len(events) + 1)
            assert lines == [*events[:1], garbage, *events[1:]]

            # A strict converter stops at a message that Connect itself rejects, until it is taken.
            strict_config = config | {
                "name": "strict",
                "file": str(strict),
                "value.converter": "org.apache.kafka.connect.json.JsonConverter",
                "value.converter.schemas.enable": "false",
            }
            worker.request("PUT", "/connectors/strict/config", strict_config)
            eventually(lambda: states(worker, "strict") == {"FAILED"}, "the task has not failed")
            worker.request("PUT", "/connectors/strict/stop")
            pill = ["dlq", "take", f"{USAGE_TOPIC}/0/1", "--group", "connect-strict"]
            eventually(lambda: main([*pill, "--brokers", broker.bootstrap]) == 0)
            worker.request("PUT", "/connectors/strict/resume")
            assert len(wait_for_lines(strict, len(events))) == len(events)
            value, headers = dead_letter(broker.bootstrap)
            assert value == _BAD
            assert headers["__connect.errors.topic"] == USAGE_TOPIC.encode()
            assert headers["__connect.errors.offset"] == b"1"
            for name in (CONFIG["name"], "strict"):
                assert states(worker, name) == {"RUNNING"}


def test_an_insert_with_its_settings_keeps_every_digit(tmp_path: Path) -> None:
    dsn = f"chdb:///{tmp_path}/store"
    client = store.open_store(dsn)
    try:
        migrate.migrate(client)
        insert(client, real_events())
        table = CONFIG["topic2TableMap"].partition("=")[2]
        rows = client.query(
            f"SELECT quantity, unit_cost, metadata FROM {CONFIG['database']}.{table} ORDER BY seq"
        ).result_rows
    finally:
        client.close()
    events = [json.loads(event, parse_float=Decimal) for event in real_events()]
    assert [row[:2] for row in rows] == [(_QUANTITY, Decimal("0.000000000001"))] * len(events)
    assert [row[2] for row in rows] == [event["metadata"] for event in events]


def test_an_insert_with_its_settings_may_hold_more_than_100_months(tmp_path: Path) -> None:
    months = [f"{2010 + n // 12}-{1 + n % 12:02}-10T12:00:00.000Z" for n in range(150)]
    with store.open_store(f"chdb://{tmp_path}/store") as client:
        migrate.migrate(client)
        insert(client, [encoded(event(**{ID: month, TIME: month})) for month in months])
        table = f"{CONFIG['database']}.{CONFIG['topic2TableMap'].partition('=')[2]}"
        assert client.query(f"SELECT count() FROM {table}").result_rows == [(len(months),)]


def test_it_contains_no_secret() -> None:
    for name in ("hostname", "port", "username", "password"):
        assert re.fullmatch(r"\$\{env:\w+\}", CONFIG[name]), name

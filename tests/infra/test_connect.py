"""kafka-connect-sink.json, as far as it can be tested without ClickHouse's connector.

Kafka Connect runs it with the file connector in place of ClickHouse's; test_connect_inserts.py has
what that connector would insert.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from eka_usage import DEAD_LETTER_TOPIC, USAGE_TOPIC

from infra.sink.__main__ import main
from tests.e2e.connect import Connect
from tests.e2e.java import needs_kafka
from tests.e2e.real_broker import TRANSACTIONS, RealBroker
from tests.infra.connect_insert import CONFIG, real_events
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
_FILE_SINK = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector"}
_BAD = b'{"event_id": not JSON \xff'


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


def test_it_contains_no_secret() -> None:
    for name in ("hostname", "port", "username", "password"):
        assert re.fullmatch(r"\$\{env:\w+\}", CONFIG[name]), name

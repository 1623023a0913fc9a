"""`void` takes an event back for good, through Kafka, and once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from eka_usage import METRIC_TYPES

from infra.sink.__main__ import main
from infra.sink._generated.fields import ACCOUNT, DATABASE, ID, METRIC_TYPE, PRODUCT, USAGE
from infra.sink.store import open_store
from infra.sink.writer import insert_into
from tests.broker import DevBroker
from tests.sink.harness import SECONDS, Sink, encoded, event, produce

_METRICS = [(product, names[0]) for product, names in METRIC_TYPES.items()][:2]


def copies(event_id: str) -> list[bytes]:
    """One id for two metric types, which are two events."""
    names = [{PRODUCT: product, METRIC_TYPE: metric_type} for product, metric_type in _METRICS]
    return [
        encoded(event(**{ID: event_id, ACCOUNT: "w", "status": "ok", "seq": n, **each}))
        for n, each in enumerate(names, 1)
    ]


def produced(bootstrap: str, topic: str) -> int:
    """How many messages the topic has."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none"})
    try:
        partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=SECONDS)
            for each in partitions
        ]
    finally:
        consumer.close()
    return sum(end for _, end in ends)


def test_an_event_is_taken_back_once_and_no_copy_brings_it_back(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path, "--strict").migrate()
    [topic, *_] = own_broker.topics

    def void(event_id: str, *options: str) -> list[str]:
        at = ["--workspace", "w", "--event", event_id, "--brokers", own_broker.bootstrap]
        assert main(["void", *at, "--dsn", sink.dsn, "--reason", "twice", *options]) == 0
        return capsys.readouterr().out.splitlines()

    def billed() -> list[tuple[str, str, Decimal]]:
        with open_store(sink.dsn) as client:
            query = f"SELECT {PRODUCT}, {METRIC_TYPE}, sum(quantity) FROM {DATABASE}.{USAGE}"
            rows = client.query(f"{query} GROUP BY 1, 2 ORDER BY 1, 2").result_rows
        return [(str(row[0]), str(row[1]), Decimal(row[2])) for row in rows]

    one, other = ((*names, Decimal(1)) for names in _METRICS)
    with open_store(sink.dsn) as client:
        insert_into(client, copies("order-7"))
    assert billed() == sorted([one, other])

    [line] = void("order-7", "--metric", ".".join(_METRICS[0]))
    assert line.startswith(f"{'.'.join(_METRICS[0])}  is taken back by ")
    assert billed() == [other]
    first_void = line.split(" by ")[1].split(":")[0]
    assert produced(own_broker.bootstrap, topic) == 1

    lines = sorted(void("order-7"), key=lambda text: "already" not in text)
    assert f"is taken back already by {first_void}: twice" in lines[0]
    assert len(lines) == 2
    assert billed() == []
    assert produced(own_broker.bootstrap, topic) == 2

    assert all("already" in line for line in void("order-7"))
    assert produced(own_broker.bootstrap, topic) == 2

    # The sink stores the voids as copies, and a late copy of the event does not count.
    produce(own_broker.bootstrap, copies("order-7"))
    with sink:
        sink.wait_for("stored 4, ")
        assert "dead letters" not in sink.log
        assert sink.stop() == 0
    assert billed() == []

    # A void may be taken back itself, which restores the event; then another takes it back anew.
    void(first_void)
    assert billed() == [one]
    lines = void("order-7", "--metric", ".".join(_METRICS[0]))
    assert "already" not in lines[0]
    assert billed() == []


def test_what_is_not_in_the_store_is_not_taken_back(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    at = ["--dsn", sink.dsn, "--brokers", own_broker.bootstrap, "--workspace", "w"]
    assert main(["void", *at, "--event", "none", "--reason", "twice"]) == 1
    assert "no event 'none' of workspace 'w' in the store" in capsys.readouterr().err
    assert main(["void", *at, "--event", "none", "--reason", " "]) == 2
    with pytest.raises(SystemExit):
        main(["void", *at, "--event", "none", "--metric", "no.metric", "--reason", "twice"])

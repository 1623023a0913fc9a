"""Faults between Kafka and an invoice, each with the right value."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, FIELDS, ID, TABLE, TIME, USAGE, USAGE_TOPIC
from infra.sink.dlq import reader
from infra.sink.writer import insert_into
from tests.broker import DevBroker
from tests.sink.harness import SECONDS, Sink, encoded, event, produce

QUANTITY = next(field.name for field in FIELDS if field.kind == "number")
_READ_ALL = {"enable.auto.commit": False, "enable.metrics.push": False}
_TABLE, _VIEW = f"{DATABASE}.{TABLE}", f"{DATABASE}.{USAGE}"


def produce_transaction(bootstrap: str, partition: int) -> None:
    """Produces one event in a transaction, whose marker takes an offset too."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": "t", "enable.metrics.push": False}
    )
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce(USAGE_TOPIC, value=encoded(event()), partition=partition)
    producer.commit_transaction(SECONDS)


def remove(bootstrap: str, partition: int, before: int) -> None:
    """Removes the first messages of a partition, as retention does."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "enable.metrics.push": False})
    position = TopicPartition(USAGE_TOPIC, partition, before)
    admin.delete_records([position])[position].result(SECONDS)


def quantities(store: Client) -> list[Decimal]:
    """The quantities of all events, each counted once."""
    query = f"SELECT {QUANTITY} FROM {_VIEW} ORDER BY {ID}"
    return [row[0] for row in store.query(query).result_rows]


@pytest.mark.parametrize("day", ["2026-03-10", "2026-03-09"])
def test_the_first_to_arrive_counts_within_one_insert(store: Client, day: str) -> None:
    """Both within a key of the table, and beyond it: the copy may lie on another day."""
    later = {TIME: f"{day}T11:00:00.000Z"}
    copies = [event(**{QUANTITY: 5}, **later), event(**{QUANTITY: 9})]
    insert_into(store, map(encoded, (event(**{QUANTITY: 1}), *copies)))
    assert quantities(store) == [1]
    insert_into(store, [encoded(event(**{QUANTITY: n})) for n in (20, 30)])
    store.command(f"OPTIMIZE TABLE {_TABLE} FINAL")
    assert quantities(store) == [1]


def test_the_first_to_arrive_counts_within_an_insert_of_many_blocks(store: Client) -> None:
    ids = [f"id-{number}" for number in range(70_000)]
    insert_into(store, [encoded(event(**{ID: each, QUANTITY: n})) for n in (1, 2) for each in ids])
    assert set(quantities(store)) == {1}


def test_a_row_that_was_stored_before_the_migration_precedes(store: Client) -> None:
    """Its version has no place in the insert, and is greater than those that have one."""
    old = "bitNot(toUInt64(toUnixTimestamp64Milli(ingested_at)))"
    new = store.query(
        f"SELECT default_expression FROM system.columns WHERE table = '{TABLE}' "
        "AND name = '_precedence'"
    ).result_rows[0][0]
    column = f"ALTER TABLE {_TABLE} MODIFY COLUMN _precedence UInt64 MATERIALIZED"
    store.command(f"{column} {old}")
    insert_into(store, [encoded(event(**{QUANTITY: 1}))])
    store.command(f"{column} {new}")
    insert_into(store, [encoded(event(**{QUANTITY: 2}))])
    assert quantities(store) == [1]


def test_messages_that_retention_removed_unread_are_reported(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def produce_more(count: int) -> None:
        produce(own_broker.bootstrap, [encoded(event())] * count, partition=3)

    def run(lag: str) -> tuple[str, float]:
        with Sink(own_broker.bootstrap, tmp_path, "--metrics-port", "0") as sink:
            sink.wait_for(lag)
            expired = sink.metrics()["eka_usage_sink_expired_total"]
            assert sink.stop() == 0
            return sink.log, expired

    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    produce_more(10)
    produce_transaction(own_broker.bootstrap, partition=3)
    produce_more(8)
    log, expired = run("stored 19, ")
    assert expired == 0  # the marker of a transaction is no gap
    assert "retention" not in log
    produce_more(80)
    remove(own_broker.bootstrap, partition=3, before=100)
    produce_more(5)
    log, expired = run("stored 5, ")
    assert expired == 80
    assert f"{USAGE_TOPIC}/3 offsets 20 to 99" in log
    log, expired = run("lag 0")
    assert expired == 0
    assert main(["reconcile", "--dsn", sink.dsn, "--since", "2026-03-01"]) == 3
    printed = capsys.readouterr().out
    assert re.search(rf"{re.escape(USAGE_TOPIC)} +3 +20 +99 ", printed)
    assert "INCOMPLETE" in printed


def test_a_poison_pill_is_taken_and_its_group_continues_after_it(
    own_broker: DevBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The group stopped at a batch from offset 1 on, as Kafka Connect does for one bad message."""
    group, pill = "connect-sink", f"{USAGE_TOPIC}/0/3"
    values = [encoded(event(**{ID: f"id-{number}"})) for number in range(5)]
    produce(own_broker.bootstrap, [*values[:3], b"{}", *values[3:]], key=b"k", partition=0)
    consumer = Consumer({"bootstrap.servers": own_broker.bootstrap, "group.id": group, **_READ_ALL})
    command = ["dlq", "take", pill, "--group", group, "--brokers", own_broker.bootstrap]
    try:
        consumer.commit(offsets=[TopicPartition(USAGE_TOPIC, 0, 1)], asynchronous=False)
        assert main(command) == 0
        assert "2 messages before it were produced again" in capsys.readouterr().out
        [position] = consumer.committed([TopicPartition(USAGE_TOPIC, 0)], timeout=SECONDS)
        assert position.offset == 4
        consumer.assign([position])
        messages = consumer.consume(4, SECONDS)
        assert [message.value() for message in messages] == [*values[3:], *values[1:3]]
    finally:
        consumer.close()
    [(letter, replayed)] = reader.read({"bootstrap.servers": own_broker.bootstrap})
    assert (str(letter.origin), letter.code, letter.value) == (pill, "missing", b"{}")
    assert not replayed
    assert main(command) == 1
    assert "group connect-sink is at offset 4" in capsys.readouterr().err


def test_a_rewind_after_a_restore_stores_again_what_the_backup_lacks(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def produce_more(first: int, count: int) -> None:
        numbers = range(first, first + count)
        values = [encoded(event(**{ID: f"id-{n}", "seq": n})) for n in numbers]
        produce(own_broker.bootstrap, values, partition=0)

    def run(lag: str) -> None:
        with sink:
            sink.wait_for(lag)
            assert sink.stop() == 0

    sink = Sink(own_broker.bootstrap, tmp_path, static=False).migrate()
    store, backup = tmp_path / "store", tmp_path / "backup"
    produce_more(1, 60)
    run("stored 60, ")
    shutil.copytree(store, backup, symlinks=True)
    produce_more(61, 40)
    run("stored 40, ")
    store.rename(tmp_path / "lost")
    backup.rename(store)
    assert sink.rows() == [(60,)]  # while the group's offset is 100
    group = {"group.id": "usage-sink", **_READ_ALL}
    consumer = Consumer({"bootstrap.servers": own_broker.bootstrap, **group})
    consumer.commit(offsets=[TopicPartition(USAGE_TOPIC, 0, 50)], asynchronous=False)
    consumer.close()
    run("stored 50, ")  # ten of them a second time
    with sink.store() as client:
        assert client.query(f"SELECT count(), uniqExact({ID}) FROM {_VIEW}").result_rows == [
            (100, 100)
        ]
    # The events of the test are old, so reconcile finds their times skewed, and nothing missing.
    assert main(["reconcile", "--dsn", sink.dsn, "--since", "2026-03-01"]) == 5
    assert "100 events accepted: 0 missing" in capsys.readouterr().out


def test_nothing_is_taken_from_a_group_with_members(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    produce(own_broker.bootstrap, [b"{}"], partition=0)
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        take = ["dlq", "take", f"{USAGE_TOPIC}/0/0", "--group", "usage-sink"]
        assert main([*take, "--brokers", own_broker.bootstrap]) == 1
    assert "stop its connector or sinks first" in capsys.readouterr().err

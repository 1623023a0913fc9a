"""The sink as a process: what it stores, sets apart, survives and says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from infra.sink.__main__ import main
from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    ID,
    METRIC_TYPE,
    PRODUCT,
    TABLE,
    USAGE_TOPIC,
)
from infra.sink.dlq import reader
from infra.sink.dlq.record import DeadLetter
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.e2e.reader import ends
from tests.sink.harness import Sink, encoded, event, produce
from tests.waiting import eventually


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """One whose topics nobody else reads or writes, and that outlives its own end."""
    with DevBroker(data_dir=tmp_path / "kafka") as running:
        yield running


def events(count: int, prefix: str = "id", **differs: Any) -> Iterator[bytes]:
    return (encoded(event(**{ID: f"{prefix}-{number}"}, **differs)) for number in range(count))


def letters(broker: DevBroker) -> list[DeadLetter]:
    return list(reader.read({"bootstrap.servers": broker.bootstrap}).waiting())


def all_committed(broker: DevBroker) -> bool:
    """Whether the group of the sinks is done with all that the topic holds."""
    group = {"group.id": "usage-sink", "enable.metrics.push": False}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, **group})
    try:
        held = ends(broker.bootstrap)
        done = consumer.committed(held, timeout=10)
        return [each.offset for each in done] == [each.offset for each in held]
    finally:
        consumer.close()


def test_a_bad_message_is_set_apart_with_all_that_it_was_and_stops_nothing(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    garbage = bytes(range(256))
    headers = [("trace", b"\xff\x00"), ("trace", b"2"), ("none", None)]
    produce(own_broker.bootstrap, events(3, "before"))
    produce(own_broker.bootstrap, [garbage], key=b"\x00key", headers=headers, partition=4)
    produce(own_broker.bootstrap, [None], key=b"k")
    produce(own_broker.bootstrap, events(3, "after"))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.until("lag 0")
        assert "dead letters 2 (empty 1, malformed 1)" in sink.said
        assert sink.end() == 0
    assert sink.rows() == [(6,)]
    [letter] = [each for each in letters(own_broker) if each.code == "malformed"]
    assert (letter.value, letter.key, letter.headers) == (garbage, b"\x00key", headers)
    assert (letter.origin.topic, letter.origin.partition) == (USAGE_TOPIC, 4)
    assert letter.reason.startswith("malformed: ")
    assert letter.replays == 0
    assert abs(letter.time.timestamp() - time.time()) < 120


def test_a_letter_larger_than_its_topic_takes_is_cut_and_says_so(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    large = b"x" * 1_048_400
    produce(own_broker.bootstrap, [large, *events(1)], key=b"k")
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.until("lag 0")
        assert sink.end() == 0
    assert sink.rows() == [(1,)]
    [letter] = letters(own_broker)
    assert (letter.code, letter.length, letter.whole) == ("oversize", len(large), False)
    assert large.startswith(letter.value or b"-")


def test_a_row_that_the_table_refuses_is_found_among_the_others(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    with sink.store() as client:
        rule = f"ALTER TABLE {DATABASE}.{TABLE} ADD CONSTRAINT no_ghosts CHECK {ACCOUNT} != 'ghost'"
        client.command(rule)
    produce(own_broker.bootstrap, events(50))
    produce(own_broker.bootstrap, events(2, "ghost", **{ACCOUNT: "ghost"}))
    produce(own_broker.bootstrap, events(50, "more"))
    with sink:
        sink.until("lag 0")
        assert "stored 100" in sink.said
        assert sink.end() == 0
    assert sink.rows() == [(100,)]
    found = letters(own_broker)
    assert [letter.code for letter in found] == ["refused", "refused"]
    assert "no_ghosts" in found[0].reason


def test_a_metric_type_of_a_newer_catalog_is_stored_and_counted_apart(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(5, **{PRODUCT: "tomorrow", METRIC_TYPE: "thought"}))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.until("lag 0")
        assert "not in this catalog 5 (tomorrow/thought)" in sink.said
        assert sink.end() == 0
    assert sink.rows(f"count(), any({PRODUCT})") == [(5, "tomorrow")]


def test_a_store_that_another_process_holds_is_waited_for(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    produce(own_broker.bootstrap, events(100))
    with ExitStack() as held:
        held.enter_context(open_store(sink.dsn))
        with sink:
            sink.until("waiting: ")
            assert "stop that one first" in sink.said
            sink.until("lag 100")
            produce(own_broker.bootstrap, events(50, "more"))
            sink.until("lag 150")
            held.close()
            sink.until("lag 0")
            assert "goes on" in sink.said
            assert sink.end() == 0
    assert sink.rows() == [(150,)]


def test_a_store_without_tables_is_free_for_migrate_and_waited_for(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(10))
    with Sink(own_broker.bootstrap, tmp_path) as sink:
        sink.until("run `python -m infra.sink migrate` first")
        eventually(lambda: migrated(sink), lambda: sink.said)
        sink.until("lag 0")
        assert sink.end() == 0
    assert sink.rows() == [(10,)]


def migrated(sink: Sink) -> bool:
    """Whether the store could be had between two tries of the sink."""
    command = [sys.executable, "-m", "infra.sink", "migrate", "--dsn", sink.dsn]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_server_that_is_not_there_is_waited_for_and_a_signal_still_ends_it(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(10))
    sink = Sink(own_broker.bootstrap, tmp_path, "--dsn", "http://127.0.0.1:1")
    with sink:
        sink.until("waiting: ")
        sink.until("lag 10")
        assert sink.end() == 0
        assert "lag 10" in sink.said.splitlines()[-1]


def test_a_broker_that_dies_is_waited_for(own_broker: DevBroker, tmp_path: Path) -> None:
    produce(own_broker.bootstrap, events(100))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.until("lag 0")
        own_broker.kill()
        sink.until("Connection refused")
        own_broker.restart()
        produce(own_broker.bootstrap, events(100, "more"))
        produce(own_broker.bootstrap, [b"no event"])
        # Where the broker forgot how far the group was, some are read again: more than 200 stored.
        done = re.compile(r"stored (\d+), .*/s, lag 0, dead letters \d+ ")
        eventually(
            lambda: any(int(line[1]) >= 200 for line in done.finditer(sink.said)),
            lambda: sink.said,
        )
        assert sink.end() == 0
    assert sink.rows() == [(200,)]


def test_a_dead_letter_that_cannot_be_written_holds_its_offset_back(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, [b"no event", *events(10)])
    own_broker.fail("NOT_LEADER_FOR_PARTITION")
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.until("took no dead letters")
        sink.until("lag 11")
        own_broker.heal()
        sink.until("lag 0")
        assert sink.end() == 0
    assert sink.rows() == [(10,)]
    assert [letter.code for letter in letters(own_broker)] == ["malformed"]


def test_a_sink_that_does_not_reach_kafka_says_that_it_waits_and_claims_no_lag(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    with Sink("127.0.0.1:1", tmp_path, name="never").migrate() as sink:
        sink.until("Connection refused")
        sink.until("lag not known")
        assert sink.end() == 0
        assert "lag 0" not in sink.said
    with Sink(own_broker.bootstrap, tmp_path, "--metrics-port", "0").migrate() as sink:
        sink.until("lag 0")
        assert sink.metrics()["usage_sink_waiting"] == 0
        own_broker.stop()
        sink.until("Connection refused")
        eventually(lambda: sink.said.endswith("lag not known\n"), lambda: sink.said)
        assert sink.metrics()["usage_sink_waiting"] == 1
        assert "usage_sink_lag" not in sink.metrics()
        own_broker.restart()
        eventually(lambda: sink.metrics()["usage_sink_waiting"] == 0, lambda: sink.said)


def test_what_kafka_says_many_times_a_second_is_said_now_and_then(tmp_path: Path) -> None:
    began = time.monotonic()
    with Sink("127.0.0.1:1", tmp_path).migrate() as sink:
        eventually(lambda: sink.said.count("lag not known") > 20, lambda: sink.said)
        assert sink.end() == 0
    half_minutes = 1 + int(time.monotonic() - began) // 30
    told = Counter(re.findall(r"Kafka: (.*)", sink.said))
    assert any("Connection refused" in words for words in told)
    assert max(told.values()) <= half_minutes, told


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--group", ""),
        ("--batch-rows", "0"),
        ("--batch-rows", "many"),
        ("--batch-seconds", "nan"),
        ("--batch-seconds", "inf"),
        ("--metrics-port", "65536"),
        ("--metrics-port", "-1"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", option, value])
    assert left.value.code == 2
    assert f"argument {option}: expected " in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_brings_in_what_was_read_and_the_next_start_repeats_nothing(
    own_broker: DevBroker, tmp_path: Path, how: signal.Signals
) -> None:
    produce(own_broker.bootstrap, events(1000))
    sink = Sink(
        own_broker.bootstrap, tmp_path, "--batch-seconds", "3600", "--metrics-port", "0"
    ).migrate()
    with sink:
        sink.until("serves metrics")
        eventually(lambda: sink.metrics()["usage_sink_read_total"] == 1000, lambda: sink.said)
        assert sink.end(how) == 0
        assert "ends: stored 1,000" in sink.said
    with sink:
        sink.until("lag 0")
        assert sink.end() == 0
    assert sink.rows(final="") == [(1000,)]


def test_two_sinks_share_the_partitions_and_count_every_event_once(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    first, second = (Sink(own_broker.bootstrap, tmp_path, name=n).migrate() for n in ("a", "b"))
    with first, ExitStack() as joining:
        first.until("reads partitions")
        for part in range(10):
            for partition in range(10):
                some = events(50, f"part-{part}-{partition}")
                produce(own_broker.bootstrap, some, partition=partition)
            if part == 3:
                joining.enter_context(second)
                second.until("reads partitions")
            if part == 7:
                eventually(lambda: second.stored > 0, lambda: second.said)
                assert second.end() == 0
        everything = "reads partitions [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
        eventually(lambda: first.said.count(everything) > 1, lambda: first.said)
        eventually(lambda: all_committed(own_broker), lambda: first.said)
        assert first.end() == 0
    ids = [each for sink in (first, second) for (each,) in sink.rows(ID)]
    assert second.rows() != [(0,)]
    assert len(set(ids)) == 5000


def test_metrics_say_what_the_progress_line_says(own_broker: DevBroker, tmp_path: Path) -> None:
    produce(own_broker.bootstrap, [b"no event", *events(7)])
    with Sink(own_broker.bootstrap, tmp_path, "--metrics-port", "0").migrate() as sink:
        sink.until("lag 0")
        values = sink.metrics()
        assert sink.end() == 0
    assert values["usage_sink_stored_total"] == 7
    assert values['usage_sink_dead_letters_total{reason="malformed"}'] == 1
    assert values["usage_sink_unknown_total"] == 7
    assert values["usage_sink_insert_seconds_count"] >= 1
    assert values["usage_sink_lag"] == 0
    assert values["usage_sink_waiting"] == 0

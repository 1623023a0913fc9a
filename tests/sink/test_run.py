"""The sink as a process: what it stores, dead-letters, survives and logs."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from eka_usage import METRIC_TYPES, STATUSES

from infra.sink.__main__ import main
from infra.sink._generated.fields import (
    ACCOUNT,
    DATABASE,
    ID,
    METRIC_TYPE,
    PRODUCT,
    STATUS,
    TABLE,
    USAGE_TOPIC,
)
from infra.sink.dlq import reader
from infra.sink.dlq.record import DeadLetter
from infra.sink.lag import Lag
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.e2e.reader import ends
from tests.sink.harness import SECONDS, Sink, encoded, event, produce
from tests.waiting import eventually


def events(count: int, prefix: str = "id", **fields: Any) -> Iterator[bytes]:
    return (encoded(event(**{ID: f"{prefix}-{number}"}, **fields)) for number in range(count))


def letters(broker: DevBroker) -> list[DeadLetter]:
    found = reader.read({"bootstrap.servers": broker.bootstrap})
    return [letter for letter, replayed in found if not replayed]


def all_committed(broker: DevBroker) -> bool:
    """Whether the consumer group of the sinks has committed every offset."""
    group = {"group.id": "usage-sink", "enable.metrics.push": False}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, **group})
    try:
        end_offsets = ends(broker.bootstrap)
        committed = consumer.committed(end_offsets, timeout=10)
        return [each.offset for each in committed] == [each.offset for each in end_offsets]
    finally:
        consumer.close()


def test_a_bad_message_is_dead_lettered_unchanged_and_stops_nothing(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    garbage = bytes(range(256))
    headers = [("trace", b"\xff\x00"), ("trace", b"2"), ("none", None)]
    produce(own_broker.bootstrap, events(3, "before"))
    produce(own_broker.bootstrap, [garbage], key=b"\x00key", headers=headers, partition=4)
    produce(own_broker.bootstrap, [None], key=b"k")
    produce(own_broker.bootstrap, events(3, "after"))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        assert "dead letters 2 (empty 1, malformed 1)" in sink.log
        assert sink.stop() == 0
    assert sink.rows() == [(6,)]
    [letter] = [each for each in letters(own_broker) if each.code == "malformed"]
    assert (letter.value, letter.key, letter.headers) == (garbage, b"\x00key", headers)
    assert (letter.origin.topic, letter.origin.partition) == (USAGE_TOPIC, 4)
    assert letter.reason.startswith("malformed: ")
    assert letter.replays == 0
    assert abs(letter.time.timestamp() - time.time()) < 120


def test_a_dead_letter_too_large_for_its_topic_is_truncated_and_marked(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    large = b"x" * 1_048_400
    produce(own_broker.bootstrap, [large, *events(1)], key=b"k")
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sink.rows() == [(1,)]
    [letter] = letters(own_broker)
    assert (letter.code, letter.length, letter.complete) == ("oversize", len(large), False)
    assert large.startswith(letter.value or b"-")


def test_a_row_that_the_table_rejects_is_isolated_from_the_others(
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
        sink.wait_for("lag 0")
        assert "stored 100" in sink.log
        assert sink.stop() == 0
    assert sink.rows() == [(100,)]
    found = letters(own_broker)
    assert [letter.code for letter in found] == ["refused", "refused"]
    assert "no_ghosts" in found[0].reason


def test_a_metric_type_of_a_newer_catalog_is_stored_and_counted_as_unknown(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(5, **{PRODUCT: "tomorrow", METRIC_TYPE: "thought"}))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        assert "unknown metric types 5 (tomorrow/thought)" in sink.log
        assert sink.stop() == 0
    assert sink.rows(f"count(), any({PRODUCT})") == [(5, "tomorrow")]


def test_a_strict_sink_dead_letters_names_outside_its_catalog(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    product, *_ = METRIC_TYPES
    known = {PRODUCT: product, METRIC_TYPE: METRIC_TYPES[product][0], STATUS: STATUSES[0]}
    produce(own_broker.bootstrap, events(3, **known))
    for name in known:
        produce(own_broker.bootstrap, events(2, name, **{**known, name: "tomorrow"}))
    with Sink(own_broker.bootstrap, tmp_path, "--strict").migrate() as sink:
        sink.wait_for("lag 0")
        assert "dead letters 6 (undeclared 6)" in sink.log
        assert sink.stop() == 0
    assert sink.rows() == [(3,)]
    assert {letter.code for letter in letters(own_broker)} == {"undeclared"}
    assert all("tomorrow" in letter.reason for letter in letters(own_broker))


def test_a_sink_without_work_does_not_resume_while_the_store_is_away(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    options = ("--dsn", "http://127.0.0.1:1", "--metrics-port", "0")
    with Sink(own_broker.bootstrap, tmp_path, *options) as sink:
        sink.wait_for("lag 0")
        eventually(lambda: sink.metrics()["eka_usage_sink_failures_total"] >= 3, lambda: sink.log)
        assert sink.metrics()["eka_usage_sink_waiting"] == 1
        assert sink.log.count(" paused, ") == 1
        assert "resumed" not in sink.log
        assert sink.stop() == 0


def test_a_stopped_lag_leaves_no_connection(broker: DevBroker) -> None:
    lag = Lag({"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False}, "a-group")
    eventually(lambda: lag.measure({}) is not None)
    lag.close()
    eventually(lambda: not any(each.name == "lag" for each in threading.enumerate()))
    with pytest.raises(RuntimeError, match="closed"):
        lag._reader.committed([])


def test_the_sink_waits_for_a_store_locked_by_another_process(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    produce(own_broker.bootstrap, events(100))
    with ExitStack() as held:
        held.enter_context(open_store(sink.dsn))
        with sink:
            sink.wait_for("paused: ")
            assert "stop that one first" in sink.log
            sink.wait_for("lag 100")
            produce(own_broker.bootstrap, events(50, "more"))
            sink.wait_for("lag 150")
            held.close()
            sink.wait_for("lag 0")
            assert "resumed" in sink.log
            assert sink.stop() == 0
    assert sink.rows() == [(150,)]


def test_the_sink_unlocks_a_store_without_tables_and_waits_for_migrate(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(10))
    with Sink(own_broker.bootstrap, tmp_path) as sink:
        sink.wait_for("run `usage-sink migrate` first")
        eventually(lambda: migrated(sink), lambda: sink.log)
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sink.rows() == [(10,)]


def migrated(sink: Sink) -> bool:
    """Whether `migrate` got the lock of the store between two attempts of the sink."""
    command = [sys.executable, "-m", "infra.sink", "migrate", "--dsn", sink.dsn]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_sink_waits_for_an_unreachable_server_and_a_signal_still_stops_it(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, events(10))
    sink = Sink(own_broker.bootstrap, tmp_path, "--dsn", "http://127.0.0.1:1")
    with sink:
        sink.wait_for("paused: ")
        sink.wait_for("lag 10")
        assert sink.stop() == 0
        assert "lag 10" in sink.log.splitlines()[-1]


def test_the_sink_waits_for_a_crashed_broker(own_broker: DevBroker, tmp_path: Path) -> None:
    produce(own_broker.bootstrap, events(100))
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        own_broker.kill()
        sink.wait_for("Connection refused")
        own_broker.restart()
        produce(own_broker.bootstrap, events(100, "more"))
        produce(own_broker.bootstrap, [b"no event"])
        # The broker may lose committed offsets; then some are read again and more than 200 stored.
        done = re.compile(r"stored (\d+), .*/s, lag 0, dead letters \d+ ")
        eventually(
            lambda: any(int(line[1]) >= 200 for line in done.finditer(sink.log)),
            lambda: sink.log,
        )
        assert sink.stop() == 0
    assert sink.rows() == [(200,)]


def test_an_offset_is_not_committed_before_its_dead_letter_is_written(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    produce(own_broker.bootstrap, [b"no event", *events(10)])
    own_broker.fail("NOT_LEADER_FOR_PARTITION")
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("cannot write dead letters")
        sink.wait_for("lag 11")
        own_broker.heal()
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sink.rows() == [(10,)]
    assert [letter.code for letter in letters(own_broker)] == ["malformed"]


def test_a_sink_without_kafka_reports_waiting_and_an_unknown_lag(tmp_path: Path) -> None:
    with Sink("127.0.0.1:1", tmp_path, name="never").migrate() as sink:
        sink.wait_for("Connection refused")
        sink.wait_for("lag unknown")
        assert sink.stop() == 0
        assert "lag 0" not in sink.log
    with (
        DevBroker(data_dir=tmp_path / "kafka") as broker,
        Sink(broker.bootstrap, tmp_path, "--metrics-port", "0").migrate() as sink,
    ):
        sink.wait_for("lag 0")
        assert sink.metrics()["eka_usage_sink_waiting"] == 0
        broker.stop()
        sink.wait_for("Connection refused")
        eventually(lambda: sink.log.endswith("lag unknown\n"), lambda: sink.log)
        assert sink.metrics()["eka_usage_sink_waiting"] == 1
        assert "eka_usage_sink_lag" not in sink.metrics()
        broker.restart()
        eventually(lambda: sink.metrics()["eka_usage_sink_waiting"] == 0, lambda: sink.log)


def test_a_repeated_kafka_error_is_logged_once_per_half_minute(tmp_path: Path) -> None:
    began = time.monotonic()
    with Sink("127.0.0.1:1", tmp_path).migrate() as sink:
        eventually(lambda: sink.log.count("lag unknown") > 20, lambda: sink.log)
        assert sink.stop() == 0
    half_minutes = 1 + int(time.monotonic() - began) // 30
    logged = Counter(re.findall(r"Kafka: (.*)", sink.log))
    assert any("Connection refused" in error for error in logged)
    assert max(logged.values()) <= half_minutes, logged


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
def test_an_invalid_option_is_rejected_by_name(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["run", option, value])
    assert exited.value.code == 2
    assert f"argument {option}: must " in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_batch_and_the_next_start_repeats_nothing(
    own_broker: DevBroker, tmp_path: Path, how: signal.Signals
) -> None:
    produce(own_broker.bootstrap, events(1000))
    sink = Sink(
        own_broker.bootstrap, tmp_path, "--batch-seconds", "3600", "--metrics-port", "0"
    ).migrate()
    with sink:
        sink.wait_for("serving metrics")
        eventually(lambda: sink.metrics()["eka_usage_sink_read_total"] == 1000, lambda: sink.log)
        assert sink.stop(how) == 0
        assert "stopped: stored 1,000" in sink.log
    with sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sink.rows(final="") == [(1000,)]


def test_two_sinks_share_the_partitions_and_count_every_event_once(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    # For a static member that left, the embedded broker keeps the partitions indefinitely.
    first, second = (
        Sink(own_broker.bootstrap, tmp_path, name=name, static=False).migrate()
        for name in ("a", "b")
    )
    with first, ExitStack() as joining:
        first.wait_for("assigned partitions")
        for part in range(10):
            for partition in range(10):
                some = events(50, f"part-{part}-{partition}")
                produce(own_broker.bootstrap, some, partition=partition)
            if part == 3:
                joining.enter_context(second)
                second.wait_for("assigned partitions")
            if part == 7:
                eventually(lambda: second.stored > 0, lambda: second.log)
                assert second.stop() == 0
        all_partitions = "assigned partitions [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
        eventually(lambda: first.log.count(all_partitions) > 1, lambda: first.log)
        eventually(lambda: all_committed(own_broker), lambda: first.log)
        assert first.stop() == 0
    ids = [each for sink in (first, second) for (each,) in sink.rows(ID)]
    assert second.rows() != [(0,)]
    assert len(set(ids)) == 5000


@pytest.mark.parametrize(
    ("options", "served"), [((), False), (("--metrics-host", "0.0.0.0"), True)]
)
def test_metrics_are_served_to_this_machine_unless_an_address_is_given(
    options: tuple[str, ...], served: bool, tmp_path: Path
) -> None:
    with Sink("127.0.0.1:1", tmp_path, "--metrics-port", "0", *options) as sink:
        sink.wait_for("serving metrics on port ")
        assert "eka_usage_sink_waiting" in sink.metrics()
        [port] = re.findall(r"serving metrics on port (\d+)", sink.log)
        with socket.socket() as other:
            other.settimeout(SECONDS)
            assert (other.connect_ex(("127.0.0.2", int(port))) == 0) == served


def test_metrics_agree_with_the_progress_line(own_broker: DevBroker, tmp_path: Path) -> None:
    produce(own_broker.bootstrap, [b"no event", *events(7)])
    with Sink(own_broker.bootstrap, tmp_path, "--metrics-port", "0").migrate() as sink:
        sink.wait_for("lag 0")
        values = sink.metrics()
        assert sink.stop() == 0
    assert values["eka_usage_sink_stored_total"] == 7
    assert values['eka_usage_sink_dead_letters_total{reason="malformed"}'] == 1
    assert values["eka_usage_sink_unknown_total"] == 7
    assert values["eka_usage_sink_insert_seconds_count"] >= 1
    assert values["eka_usage_sink_lag"] == 0
    assert values["eka_usage_sink_waiting"] == 0

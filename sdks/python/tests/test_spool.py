"""A client with a spool: what Kafka does not accept now, this or the next process delivers."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from eka_usage import ConfigError, EkaClient, _spool_wiring
from eka_usage._spool import location
from eka_usage._spool.directory_handle import DirectoryHandle
from eka_usage._spool.segment import Segment
from eka_usage.testing import InMemoryProducer

from sdks.python.tests.programs import run_program
from sdks.python.tests.spool_support import FAST_TUNING, goes_to_disk, segment_names, spooled_ids
from sdks.python.tests.support import (
    NO_BROKER,
    VALID,
    ClientFactory,
    CollectingProducer,
    ReportedErrors,
    ScriptedProducer,
    counters_balance,
    unused_address,
)
from sdks.python.tests.topic_reader import delivered_events
from tests.broker import DevBroker
from tests.waiting import eventually

MODES = ["spill", "durable"]


@pytest.mark.parametrize("mode", MODES)
def test_shutdown_leaves_undelivered_events_on_disk_for_the_next_process(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    client = make_spool_client(mode, kafka_brokers=NO_BROKER)
    recorded = [client.record(**VALID) for _ in range(300)]
    started = time.monotonic()
    assert client.shutdown() == 0
    assert time.monotonic() - started < client._exit_timeout
    stats = client.stats()
    assert (stats.accepted, stats.queued, stats.failed, stats.spooled) == (300, 0, 0, 300)
    assert spooled_ids(spool_dir) == recorded
    assert errors == []


@pytest.mark.parametrize("mode", MODES)
def test_the_next_process_delivers_the_events_on_disk_before_new_ones(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    address = unused_address()
    first = make_spool_client(mode, kafka_brokers=address)
    recorded = [first.record(**VALID) for _ in range(300)]
    first.shutdown()
    with DevBroker(listen=address) as broker:
        successor = make_spool_client(mode, kafka_brokers=address)
        eventually(lambda: successor.stats().replayed == 300)
        eventually(lambda: not [name for name in segment_names(spool_dir) if name.first_seq])
        assert successor.stats().adopted == 300
        recorded.append(successor.record(**VALID))
        assert successor.flush(10) == 0
        assert successor.shutdown() == 0
        assert [event["event_id"] for event in delivered_events(broker)] == recorded
    assert segment_names(spool_dir) == []
    assert errors == []


@pytest.mark.parametrize("mode", MODES)
def test_events_beyond_a_full_queue_spill_to_disk_and_keep_their_order(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    address = unused_address()
    client = make_spool_client(mode, kafka_brokers=address, max_queue_events=50)
    recorded = [client.record(**VALID) for _ in range(500)]
    assert None not in recorded
    assert client.stats().spooled >= 450
    assert counters_balance(client)
    assert client.stats().oldest_spooled_ms >= 0
    with DevBroker(listen=address) as broker:
        assert client.flush(20) == 0
        eventually(lambda: not goes_to_disk(client))
        recorded += [client.record(**VALID) for _ in range(20)]
        assert client.flush(10) == 0
        stats = client.stats()
        assert (stats.accepted, stats.delivered, stats.spooled) == (520, 520, 0)
        assert [event["event_id"] for event in delivered_events(broker)] == recorded
    assert client.shutdown() == 0
    assert segment_names(spool_dir) == []
    assert errors == []


def test_oldest_spooled_ms_is_the_age_of_the_oldest_segment(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client(
        "spill", tuning=FAST_TUNING, kafka_brokers=NO_BROKER, max_queue_events=10
    )
    for _ in range(2):
        for _ in range(30):
            client.record(**VALID)
        time.sleep(0.1)
    handle = DirectoryHandle(spool_dir)
    segments = (Segment.open(handle, name, write=False) for name in segment_names(spool_dir))
    created = [
        header.created_at for segment in segments if (header := segment.header()) is not None
    ]
    assert max(created) - min(created) >= 100
    now = time.time_ns() // 1_000_000
    assert client.stats().oldest_spooled_ms >= now - min(created)


@pytest.mark.parametrize("mode", MODES)
def test_events_whose_delivery_timed_out_are_spooled_and_replayed(
    mode: str, make_spool_client: ClientFactory, errors: ReportedErrors
) -> None:
    address = unused_address()
    client = make_spool_client(mode, kafka_brokers=address, delivery_timeout_ms=1000)
    recorded = {client.record(**VALID) for _ in range(30)}
    eventually(lambda: client.stats().spooled == 30)
    with DevBroker(listen=address) as broker:
        eventually(lambda: client.stats().delivered == 30, seconds=20)
        assert {event["event_id"] for event in delivered_events(broker)} == recorded
    assert errors == []


@pytest.mark.parametrize("mode", MODES)
def test_an_event_that_kafka_permanently_rejects_is_dead_lettered(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    client = make_spool_client(mode, kafka_config={"message.max.bytes": 2000})
    small = client.record(**VALID)
    large = client.record(**VALID, metadata={"k": "x" * 3000})
    assert client.flush(10) == 0
    stats = client.stats()
    assert (stats.delivered, stats.failed, stats.dead_lettered) == (1, 1, 1)
    assert [context.get("event_id") for context in errors.contexts("delivery.failed")] == [large]
    assert small is not None
    client.shutdown()
    assert spooled_ids(spool_dir, "dead") == [large]
    assert spooled_ids(spool_dir) == []


def test_a_durable_event_is_on_disk_before_record_returns(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("durable", kafka_brokers=NO_BROKER)
    recorded: list[str | None] = []
    for _ in range(20):
        recorded.append(client.record(**VALID))
        assert spooled_ids(spool_dir) == recorded
    assert client.stats().queued == 20


def test_acknowledged_events_do_not_stay_on_disk(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("durable")
    for _ in range(50):
        client.record(**VALID)
    assert client.flush(10) == 0
    eventually(lambda: spooled_ids(spool_dir) == [])
    client.shutdown()
    assert segment_names(spool_dir) == []


def test_spill_mode_writes_nothing_while_events_are_delivered(
    make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    client = make_spool_client("spill")
    for _ in range(50):
        client.record(**VALID)
    assert client.flush(10) == 0
    assert segment_names(spool_dir) == []


def test_a_full_spool_rejects_events_before_they_are_numbered(
    make_spool_client: ClientFactory, spool_dir: Path, errors: ReportedErrors
) -> None:
    tuning = FAST_TUNING._replace(segment_bytes=1 << 20)
    client = make_spool_client(
        "durable", tuning=tuning, kafka_brokers=NO_BROKER, spool_max_bytes=4 << 20
    )
    recorded = [client.record(**VALID) for _ in range(12_000)]
    accepted = [event_id for event_id in recorded if event_id is not None]
    assert 0 < len(accepted) < len(recorded)
    assert set(errors.codes) == {"spool.full"}
    assert spooled_ids(spool_dir) == accepted
    assert (
        sum((spool_dir / str(name)).stat().st_size for name in segment_names(spool_dir)) <= 4 << 20
    )
    assert client.stats().rejected == {"spool.full": len(recorded) - len(accepted)}


@pytest.mark.parametrize("mode", MODES)
def test_record_never_raises_whatever_the_disk_does(
    mode: str, make_spool_client: ClientFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Segment:
        raise MemoryError

    monkeypatch.setattr(Segment, "create", failing)
    client = make_spool_client(mode, kafka_brokers=NO_BROKER, max_queue_events=10)
    for _ in range(20):
        client.record(**VALID)
    assert counters_balance(client)


def test_a_failing_disk_leaves_spill_mode_working_as_if_the_spool_were_off(
    make_spool_client: ClientFactory, errors: ReportedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Segment:
        raise OSError(5, "Input/output error")

    client = make_spool_client("spill", kafka_brokers=NO_BROKER, max_queue_events=50)
    monkeypatch.setattr(Segment, "create", failing)
    recorded = [client.record(**VALID) for _ in range(60)]
    assert len([event_id for event_id in recorded if event_id is not None]) == 50
    assert set(errors.codes) == {"queue.full"}
    assert client.shutdown(0.1) == 50
    assert client.stats().failed == 50


@pytest.mark.parametrize("mode", MODES)
def test_an_unusable_configured_spool_dir_is_a_config_error(mode: Any, tmp_path: Path) -> None:
    spool_dir = tmp_path / "none" / "spool"
    message = rf"^invalid spool_dir '.*: expected a usable directory: {re.escape(str(spool_dir))}: "
    with pytest.raises(ConfigError, match=message):
        EkaClient("checkout", NO_BROKER, spool=mode, spool_dir=str(spool_dir))


def test_without_a_usable_default_spool_dir_there_is_a_warning_and_no_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("EKA_SPOOL")
    monkeypatch.setattr(EkaClient, "_ambient", EkaClient._ambient._replace(spools=True))
    monkeypatch.setattr(location, "_PRESERVED", str(tmp_path / "none"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "no temporary directory"))
    for variable in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(variable, "/nonexistent")
    with EkaClient("checkout", NO_BROKER) as client:
        assert client._spool_config is None
        assert str(tmp_path / "none") in client.stats().spool_error
    [line] = [line for line in caplog.messages if "no spool" in line]
    assert "EKA_SPOOL_DIR" in line


def test_clients_in_these_tests_do_not_use_the_machines_spool() -> None:
    with EkaClient("checkout", NO_BROKER) as client:
        assert client._spool_config is None


def test_an_injected_producer_has_a_spool_only_if_passed_as_an_argument(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKA_SPOOL", "durable")
    monkeypatch.setenv("EKA_SPOOL_DIR", str(spool_dir))
    with EkaClient("checkout", producer=InMemoryProducer()) as client:
        client.record(**VALID)
    assert not spool_dir.exists()
    collector = CollectingProducer()
    with EkaClient("checkout", producer=collector, spool="durable") as client:
        client.record(**VALID)
    assert len(collector.sent) == 1
    assert segment_names(spool_dir) == []


def test_an_event_that_a_producer_temporarily_refuses_is_sent_again(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, errors: ReportedErrors
) -> None:
    monkeypatch.setattr(_spool_wiring, "TUNING", FAST_TUNING)
    answers = [KafkaError(KafkaError.REQUEST_TIMED_OUT)] * 5
    delivered: list[bytes] = []

    def produce(*, value: bytes, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        answer = answers.pop() if answers else None
        if answer is None:
            delivered.append(value)
        on_delivery(answer, None)

    client = EkaClient(
        "checkout",
        producer=ScriptedProducer(produce),
        spool="spill",
        spool_dir=str(spool_dir),
        on_error=errors,
    )
    for _ in range(3):
        client.record(**VALID)
    assert client.flush(10) == 0
    assert len(delivered) == 3
    assert client.stats().delivered == 3
    client.shutdown()
    assert errors == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_writes_segments_with_an_origin_of_its_own(
    spool_dir: Path, tmp_path: Path
) -> None:
    program = """
        client = EkaClient("checkout", spool="durable", spool_dir="spool")
        record(client, 1)
        child = os.fork()
        if child == 0:
            record(client, 1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
    """
    assert run_program(program, NO_BROKER, tmp_path).returncode == 0
    origins = {name.origin for name in segment_names(spool_dir) if name.first_seq}
    assert len(origins) == 2
    assert len(spooled_ids(spool_dir)) == 2


@pytest.mark.parametrize("mode", MODES)
def test_the_counters_balance_with_a_spool_at_every_moment(
    mode: str, make_spool_client: ClientFactory
) -> None:
    address = unused_address()
    client = make_spool_client(mode, kafka_brokers=address, max_queue_events=100)
    for _ in range(300):
        client.record(**VALID)
        assert counters_balance(client)
    with DevBroker(listen=address):
        while client.flush(0.01):
            assert counters_balance(client)
            assert min(client.stats()[:4]) >= 0
    eventually(lambda: client.stats().delivered == 300)  # librdkafka counts a log line as in flight


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no list of descriptors")
@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_was_shut_down_holds_no_file_of_the_spool(
    mode: str, make_spool_client: ClientFactory, spool_dir: Path
) -> None:
    def held() -> list[str]:
        found: list[str] = []
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # that of the list itself
                found.append(str(descriptor.readlink()))
        return [target for target in found if target.startswith(str(spool_dir))]

    client = make_spool_client(mode, kafka_brokers=NO_BROKER, max_queue_events=10)
    for _ in range(500):
        client.record(**VALID)
    assert held()
    client.shutdown(0)
    assert segment_names(spool_dir)
    assert held() == []

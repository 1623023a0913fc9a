"""Stateful behaviour, the same in every SDK: batching, order, full queues, outages, exits.

A scenario that cannot hold in a language is listed in DIFFERENCES with the reason, and must fail
there.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from eka_usage import UsageEvent

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e.reader import read_events

CALL: Mapping[str, str] = {"workspace_id": "ws-1", "product": "api", "metric_type": "api_call"}
# Nothing listens on this port: connections are refused at once.
NO_BROKER = "127.0.0.1:1"
# record() never blocks. A call that waits for Kafka takes seconds, one on a busy machine less.
NOT_BLOCKED_MS = 250

# (scenario, language): why the scenario cannot hold there.
DIFFERENCES: Mapping[tuple[str, str], str] = {
    (
        "test_an_exit_without_shutdown_delivers",
        "go",
    ): "os.Exit runs no further code, so a Go program calls Shutdown before it",
    (
        "test_the_normal_end_of_a_program_delivers",
        "go",
    ): "no code runs after main returns, so a Go program defers Shutdown in it",
    (
        "test_a_forked_child_has_counters_of_its_own",
        "go",
    ): "a Go process cannot fork: the child would lack its threads",
    (
        "test_a_forked_child_has_counters_of_its_own",
        "typescript",
    ): "Node cannot fork the running process: child_process.fork starts another program",
}


@pytest.fixture(params=sorted(COMMANDS))
def language(request: pytest.FixtureRequest) -> str:
    """Each SDK in turn."""
    reason = DIFFERENCES.get((request.node.originalname, request.param))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    return str(request.param)


@pytest.fixture
def driver(language: str) -> Iterator[Driver]:
    """The driver of that SDK, before it has a client."""
    with Driver(language) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """A broker that the test may stop; its data survives."""
    with DevBroker(data_dir=tmp_path) as running:
        yield running


def new(driver: Driver, bootstrap: str, **settings: Any) -> str:
    """Makes a client with these settings and returns its instance id."""
    return str(
        driver.request("new", settings={"kafka_brokers": bootstrap, **settings})["instance_id"]
    )


def read(broker: DevBroker, instance_id: str) -> list[UsageEvent]:
    """Returns the events of one instance, in the order of the topic."""
    return [event for event in read_events(broker.bootstrap) if event.instance_id == instance_id]


def assert_once_each(events: list[UsageEvent], accepted: list[str]) -> None:
    """Asserts that every accepted event arrived once, without a gap in the sequence numbers."""
    assert Counter(event.event_id for event in events) == Counter(accepted)
    assert sorted(event.seq for event in events) == list(range(1, len(accepted) + 1))


def counters(driver: Driver) -> dict[str, Any]:
    """Returns the client's counters, which must balance."""
    stats = driver.request("stats")
    assert stats["accepted"] == stats["delivered"] + stats["failed"] + stats["queued"]
    return stats


def test_events_recorded_together_are_sent_in_one_batch(
    driver: Driver, own_broker: DevBroker
) -> None:
    new(driver, own_broker.bootstrap, kafka_linger_ms=300)
    assert driver.request("record", call=CALL, times=500)["rejected"] == 0
    assert driver.request("flush", timeout=20_000)["queued"] == 0
    assert own_broker.produce_requests() <= 10


def test_the_events_of_a_workspace_keep_their_order(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=1)
    for _ in range(5):
        driver.request("record", call=CALL, times=400)
    driver.request("flush", timeout=20_000)
    numbers = [event.seq for event in read(broker, instance)]
    assert numbers == list(range(1, 2001))


def test_events_of_eight_concurrent_callers_arrive_once_each(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    accepted = driver.request("record", call=CALL, times=500, threads=8)["accepted"]
    assert driver.request("flush", timeout=20_000)["queued"] == 0
    assert_once_each(read(broker, instance), accepted)
    assert counters(driver)["delivered"] == len(accepted) == 4000


def test_a_queue_at_its_event_limit_rejects_at_once_and_leaves_no_gap(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap, max_queue_events=50)
    response = driver.request("record", call=CALL, times=60)
    assert (len(response["accepted"]), response["rejected"]) == (50, 10)
    assert response["slowest"] < NOT_BLOCKED_MS
    assert driver.codes() == ["queue.full"] * 10
    assert {error["reason"] for error in driver.errors} == {"local_queue_full"}
    assert counters(driver)["rejected"] == {"queue.full": 10}
    own_broker.restart()
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    accepted = response["accepted"] + driver.request("record", call=CALL)["accepted"]
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)


def test_a_queue_for_one_event_takes_the_next_once_that_is_delivered(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap, max_queue_events=1)
    response = driver.request("record", call=CALL, times=10)
    assert (len(response["accepted"]), response["rejected"]) == (1, 9)
    assert counters(driver)["rejected"] == {"queue.full": 9}
    assert counters(driver)["queued"] == 1
    own_broker.restart()
    accepted = response["accepted"]
    for _ in range(3):
        assert driver.request("flush", timeout=30_000)["queued"] == 0
        accepted += driver.request("record", call=CALL)["accepted"]
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert len(accepted) == 4
    assert_once_each(read(own_broker, instance), accepted)


def test_with_a_queue_for_one_event_the_next_goes_to_disk(
    driver: Driver, own_broker: DevBroker, tmp_path: Path
) -> None:
    own_broker.kill()
    spool = {"spool": "spill", "spool_dir": str(tmp_path / "spool")}
    instance = new(driver, own_broker.bootstrap, max_queue_events=1, **spool)
    accepted = driver.request("record", call=CALL, times=10)["accepted"]
    assert len(accepted) == 10
    assert driver.request("stats")["spooled"] == 9
    own_broker.restart()
    assert driver.request("flush", timeout=60_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)


def test_a_queue_at_its_byte_limit_rejects(driver: Driver) -> None:
    new(driver, NO_BROKER, max_queue_bytes=1_048_576)
    call = {**CALL, "metadata": {"text": "x" * 30_000}}
    response = driver.request("record", call=call, times=60)
    assert 30 <= len(response["accepted"]) <= 36
    assert set(driver.codes()) == {"queue.full"}


def test_a_retriable_error_is_retried(driver: Driver, own_broker: DevBroker) -> None:
    instance = new(driver, own_broker.bootstrap)
    own_broker.fail("NOT_LEADER_FOR_PARTITION", 2)
    accepted = driver.request("record", call=CALL, times=20)["accepted"]
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)
    assert driver.errors == []


def test_a_permanent_error_is_reported_for_every_event(
    driver: Driver, own_broker: DevBroker
) -> None:
    new(driver, own_broker.bootstrap)
    own_broker.fail("TOPIC_AUTHORIZATION_FAILED")
    accepted = driver.request("record", call=CALL, times=20)["accepted"]
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert driver.codes() == ["delivery.failed"] * 20
    assert Counter(error["event_id"] for error in driver.errors) == Counter(accepted)
    assert counters(driver)["failed"] == 20


def test_events_wait_on_disk_for_a_permission_that_is_missing(
    driver: Driver, own_broker: DevBroker, tmp_path: Path
) -> None:
    instance = new(driver, own_broker.bootstrap, spool="spill", spool_dir=str(tmp_path / "spool"))
    own_broker.fail("TOPIC_AUTHORIZATION_FAILED", 3)
    accepted = driver.request("record", call=CALL, times=20)["accepted"]
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)
    assert driver.errors == []
    assert counters(driver)["delivered"] == 20


def test_flush_returns_at_its_timeout(driver: Driver) -> None:
    new(driver, NO_BROKER)
    driver.request("record", call=CALL, times=10)
    response = driver.request("flush", timeout=300)
    assert response["queued"] == 10
    assert 200 < response["took"] < 5000


def test_shutdown_returns_at_its_timeout_and_reports_every_lost_event(driver: Driver) -> None:
    new(driver, NO_BROKER)
    accepted = driver.request("record", call=CALL, times=10)["accepted"]
    response = driver.request("shutdown", timeout=300)
    assert response["undelivered"] == 10
    assert response["took"] < 5000
    assert driver.codes() == ["shutdown.timeout"] * 10
    assert Counter(error["event_id"] for error in driver.errors) == Counter(accepted)
    assert counters(driver)["failed"] == 10


def test_a_broker_that_is_down_at_the_start_only_delays_events(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap)
    response = driver.request("record", call=CALL, times=100)
    assert response["slowest"] < NOT_BLOCKED_MS
    own_broker.restart()
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), response["accepted"])


def test_an_outage_of_ten_seconds_loses_nothing(driver: Driver, own_broker: DevBroker) -> None:
    instance = new(driver, own_broker.bootstrap)
    accepted = driver.request("record", call=CALL, times=100)["accepted"]
    driver.request("flush", timeout=20_000)
    own_broker.kill()
    killed = time.monotonic()
    while time.monotonic() < killed + 10:
        response = driver.request("record", call=CALL, times=10)
        assert response["slowest"] < NOT_BLOCKED_MS
        accepted += response["accepted"]
        time.sleep(0.5)
    own_broker.restart()
    assert driver.request("flush", timeout=40_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)


def test_an_exit_without_shutdown_delivers(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000)
    accepted = driver.request("record", call=CALL, times=100)["accepted"]
    driver.send("exit", code=7)
    assert driver.wait() == 7
    assert_once_each(read(broker, instance), accepted)


def test_the_normal_end_of_a_program_delivers(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000)
    accepted = driver.request("record", call=CALL, times=100)["accepted"]
    assert driver.end() == 0
    assert_once_each(read(broker, instance), accepted)


def test_sigterm_delivers_and_then_ends_the_process(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000, flush_on_sigterm=True)
    accepted = driver.request("record", call=CALL, times=100)["accepted"]
    assert driver.signal(signal.SIGTERM) == -signal.SIGTERM
    assert_once_each(read(broker, instance), accepted)


def test_a_closed_client_rejects(driver: Driver, broker: DevBroker) -> None:
    new(driver, broker.bootstrap)
    assert driver.request("shutdown")["undelivered"] == 0
    assert driver.request("shutdown")["undelivered"] == 0
    response = driver.request("record", call=CALL)
    assert (response["accepted"], response["rejected"]) == ([], 1)
    assert driver.codes() == ["client.closed"]
    assert counters(driver)["rejected"] == {"client.closed": 1}


def test_an_on_error_that_raises_changes_nothing(language: str, broker: DevBroker) -> None:
    with Driver(language) as driver:
        settings = {"kafka_brokers": broker.bootstrap}
        instance = driver.request("new", settings=settings, on_error="throw")["instance_id"]
        wrong = {**CALL, "product": "no such product"}
        assert driver.request("record", call=wrong, times=3)["rejected"] == 3
        accepted = driver.request("record", call=CALL, times=3)["accepted"]
        driver.request("flush", timeout=20_000)
        assert driver.codes() == ["product.unknown"] * 3
        assert_once_each(read(broker, instance), accepted)


def test_a_log_is_an_event_that_is_not_billed(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    driver.request("log", call={**CALL, "message": "it broke", "metadata": {"attempt": 2}})
    driver.request("log", call={**CALL, "message": "again", "level": "warn"})
    driver.request("flush", timeout=20_000)
    first, second = read(broker, instance)
    assert (first.status, first.is_billable) == ("error", 0)
    assert first.metadata == '{"attempt":2,"level":"error","message":"it broke"}'
    assert second.metadata == '{"level":"error","message":"again"}'
    assert driver.codes() == ["metadata.degraded"]


def test_a_forked_child_has_counters_of_its_own(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    before = driver.request("record", call=CALL, times=10)["accepted"]
    in_child = driver.request("fork", call=CALL, times=10)["accepted"]
    after = driver.request("record", call=CALL, times=10)["accepted"]
    driver.request("flush", timeout=20_000)
    assert_once_each(read(broker, instance), before + after)
    everything = [event.event_id for event in read_events(broker.bootstrap)]
    assert Counter(everything)[in_child[0]] == 1
    assert set(in_child) <= set(everything)

"""What has state, the same in every SDK: batches, order, full queues, outages, ends of processes.

A scenario that a language cannot play as the others do is listed in DIFFERENCES with its reason,
and must then fail.
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
# Nobody listens there: connections are refused at once.
NO_BROKER = "127.0.0.1:1"
# No call of record() may wait. What waits for Kafka waits for seconds, a busy machine for less.
AT_ONCE = 250

# (scenario, language): why it is otherwise there.
DIFFERENCES: Mapping[tuple[str, str], str] = {
    (
        "test_an_exit_without_a_shutdown_delivers",
        "go",
    ): "os.Exit runs nothing more, so a Go program calls Shutdown before it",
    (
        "test_a_program_that_comes_to_its_end_delivers",
        "go",
    ): "nothing runs after main returns, so a Go program defers Shutdown in it",
    (
        "test_a_forked_child_has_books_of_its_own",
        "go",
    ): "a Go process cannot fork: its threads would be missing in the child",
    (
        "test_a_forked_child_has_books_of_its_own",
        "typescript",
    ): "Node has no fork of the running process; child_process.fork starts another program",
}


@pytest.fixture(params=sorted(COMMANDS))
def language(request: pytest.FixtureRequest) -> str:
    """One SDK after the other."""
    reason = DIFFERENCES.get((request.node.originalname, request.param))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    return str(request.param)


@pytest.fixture
def driver(language: str) -> Iterator[Driver]:
    """The driver of that SDK, without a client yet."""
    with Driver(language) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """A broker that a test may break; it keeps its data."""
    with DevBroker(data_dir=tmp_path) as running:
        yield running


def new(driver: Driver, bootstrap: str, **settings: Any) -> str:
    """A client for these settings, and the id of its instance."""
    return str(driver.ask("new", settings={"kafka_brokers": bootstrap, **settings})["instance_id"])


def read(broker: DevBroker, instance_id: str) -> list[UsageEvent]:
    """The events of one instance, as they stand in the topic."""
    return [event for event in read_events(broker.bootstrap) if event.instance_id == instance_id]


def assert_once_each(events: list[UsageEvent], accepted: list[str]) -> None:
    """Every accepted event is there, once, and its number leaves no gap."""
    assert Counter(event.event_id for event in events) == Counter(accepted)
    assert sorted(event.seq for event in events) == list(range(1, len(accepted) + 1))


def books(driver: Driver) -> dict[str, Any]:
    """The client's books, which must balance."""
    stats = driver.ask("stats")
    assert stats["accepted"] == stats["delivered"] + stats["failed"] + stats["queued"]
    return stats


def test_events_that_come_together_are_sent_together(driver: Driver, own_broker: DevBroker) -> None:
    new(driver, own_broker.bootstrap, kafka_linger_ms=300)
    assert driver.ask("record", call=CALL, times=500)["refused"] == 0
    assert driver.ask("flush", timeout=20_000)["queued"] == 0
    assert own_broker.produce_requests() <= 10


def test_a_workspace_keeps_the_order_of_its_events(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=1)
    for _ in range(5):
        driver.ask("record", call=CALL, times=400)
    driver.ask("flush", timeout=20_000)
    numbers = [event.seq for event in read(broker, instance)]
    assert numbers == list(range(1, 2001))


def test_every_accepted_event_arrives_once_from_eight_callers(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    accepted = driver.ask("record", call=CALL, times=500, threads=8)["accepted"]
    assert driver.ask("flush", timeout=20_000)["queued"] == 0
    assert_once_each(read(broker, instance), accepted)
    assert books(driver)["delivered"] == len(accepted) == 4000


def test_a_queue_that_is_full_by_count_refuses_at_once_and_leaves_no_gap(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap, max_queue_events=50)
    answer = driver.ask("record", call=CALL, times=60)
    assert (len(answer["accepted"]), answer["refused"]) == (50, 10)
    assert answer["slowest"] < AT_ONCE
    assert driver.codes() == ["queue.full"] * 10
    assert {error["reason"] for error in driver.errors} == {"local_queue_full"}
    assert books(driver)["rejected"] == {"queue.full": 10}
    own_broker.restart()
    assert driver.ask("flush", timeout=30_000)["queued"] == 0
    accepted = answer["accepted"] + driver.ask("record", call=CALL)["accepted"]
    assert driver.ask("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)


def test_a_queue_that_is_full_by_bytes_refuses(driver: Driver) -> None:
    new(driver, NO_BROKER, max_queue_bytes=1_048_576)
    call = {**CALL, "metadata": {"text": "x" * 30_000}}
    answer = driver.ask("record", call=call, times=60)
    assert 30 <= len(answer["accepted"]) <= 36
    assert set(driver.codes()) == {"queue.full"}


def test_an_error_that_can_pass_is_tried_again(driver: Driver, own_broker: DevBroker) -> None:
    instance = new(driver, own_broker.bootstrap)
    own_broker.fail("NOT_LEADER_FOR_PARTITION", 2)
    accepted = driver.ask("record", call=CALL, times=20)["accepted"]
    assert driver.ask("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)
    assert driver.errors == []


def test_an_error_that_cannot_pass_is_heard_for_every_event(
    driver: Driver, own_broker: DevBroker
) -> None:
    new(driver, own_broker.bootstrap)
    own_broker.fail("TOPIC_AUTHORIZATION_FAILED")
    accepted = driver.ask("record", call=CALL, times=20)["accepted"]
    assert driver.ask("flush", timeout=30_000)["queued"] == 0
    assert driver.codes() == ["delivery.failed"] * 20
    assert Counter(error["event_id"] for error in driver.errors) == Counter(accepted)
    assert books(driver)["failed"] == 20


def test_flush_gives_up_waiting_in_time(driver: Driver) -> None:
    new(driver, NO_BROKER)
    driver.ask("record", call=CALL, times=10)
    answer = driver.ask("flush", timeout=300)
    assert answer["queued"] == 10
    assert 200 < answer["took"] < 5000


def test_shutdown_gives_up_in_time_and_says_what_was_lost(driver: Driver) -> None:
    new(driver, NO_BROKER)
    accepted = driver.ask("record", call=CALL, times=10)["accepted"]
    answer = driver.ask("shutdown", timeout=300)
    assert answer["undelivered"] == 10
    assert answer["took"] < 5000
    assert driver.codes() == ["shutdown.timeout"] * 10
    assert Counter(error["event_id"] for error in driver.errors) == Counter(accepted)
    assert books(driver)["failed"] == 10


def test_a_broker_that_is_absent_at_the_start_costs_nothing_but_time(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap)
    answer = driver.ask("record", call=CALL, times=100)
    assert answer["slowest"] < AT_ONCE
    own_broker.restart()
    assert driver.ask("flush", timeout=30_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), answer["accepted"])


def test_a_broker_that_is_gone_for_ten_seconds_loses_nothing(
    driver: Driver, own_broker: DevBroker
) -> None:
    instance = new(driver, own_broker.bootstrap)
    accepted = driver.ask("record", call=CALL, times=100)["accepted"]
    driver.ask("flush", timeout=20_000)
    own_broker.kill()
    gone = time.monotonic()
    while time.monotonic() < gone + 10:
        answer = driver.ask("record", call=CALL, times=10)
        assert answer["slowest"] < AT_ONCE
        accepted += answer["accepted"]
        time.sleep(0.5)
    own_broker.restart()
    assert driver.ask("flush", timeout=40_000)["queued"] == 0
    assert_once_each(read(own_broker, instance), accepted)


def test_an_exit_without_a_shutdown_delivers(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000)
    accepted = driver.ask("record", call=CALL, times=100)["accepted"]
    driver.send("exit", code=7)
    assert driver.wait() == 7
    assert_once_each(read(broker, instance), accepted)


def test_a_program_that_comes_to_its_end_delivers(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000)
    accepted = driver.ask("record", call=CALL, times=100)["accepted"]
    assert driver.end() == 0
    assert_once_each(read(broker, instance), accepted)


def test_sigterm_delivers_and_the_process_dies_of_it(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap, kafka_linger_ms=5000)
    accepted = driver.ask("record", call=CALL, times=100)["accepted"]
    assert driver.signal(signal.SIGTERM) == -signal.SIGTERM
    assert_once_each(read(broker, instance), accepted)


def test_a_closed_client_refuses(driver: Driver, broker: DevBroker) -> None:
    new(driver, broker.bootstrap)
    assert driver.ask("shutdown")["undelivered"] == 0
    assert driver.ask("shutdown")["undelivered"] == 0
    answer = driver.ask("record", call=CALL)
    assert (answer["accepted"], answer["refused"]) == ([], 1)
    assert driver.codes() == ["client.closed"]
    assert books(driver)["rejected"] == {"client.closed": 1}


def test_an_on_error_that_throws_does_no_harm(language: str, broker: DevBroker) -> None:
    with Driver(language) as driver:
        settings = {"kafka_brokers": broker.bootstrap}
        instance = driver.ask("new", settings=settings, on_error="throw")["instance_id"]
        wrong = {**CALL, "product": "no such product"}
        assert driver.ask("record", call=wrong, times=3)["refused"] == 3
        accepted = driver.ask("record", call=CALL, times=3)["accepted"]
        driver.ask("flush", timeout=20_000)
        assert driver.codes() == ["product.unknown"] * 3
        assert_once_each(read(broker, instance), accepted)


def test_a_log_is_an_event_that_is_not_billed(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    driver.ask("log", call={**CALL, "message": "it broke", "metadata": {"attempt": 2}})
    driver.ask("log", call={**CALL, "message": "again", "level": "warn"})
    driver.ask("flush", timeout=20_000)
    first, second = read(broker, instance)
    assert (first.status, first.is_billable) == ("error", 0)
    assert first.metadata == '{"attempt":2,"level":"error","message":"it broke"}'
    assert second.metadata == '{"level":"error","message":"again"}'
    assert driver.codes() == ["metadata.degraded"]


def test_a_forked_child_has_books_of_its_own(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    before = driver.ask("record", call=CALL, times=10)["accepted"]
    in_child = driver.ask("fork", call=CALL, times=10)["accepted"]
    after = driver.ask("record", call=CALL, times=10)["accepted"]
    driver.ask("flush", timeout=20_000)
    assert_once_each(read(broker, instance), before + after)
    everything = [event.event_id for event in read_events(broker.bootstrap)]
    assert Counter(everything)[in_child[0]] == 1
    assert set(in_child) <= set(everything)

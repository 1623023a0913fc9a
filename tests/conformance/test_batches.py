"""Calls that record several events, in every SDK: all of them are accepted, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eka_usage._spool.record import Record, read_records
from eka_usage._spool.segment_name import SegmentName

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL, NO_BROKER, counters, new, own_broker, read
from tests.e2e.reader import read_messages

__all__ = ["own_broker"]

MANY = 500
WRONG = {**CALL, "quantity": -1}


@pytest.fixture(params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver of each SDK, before it has a client."""
    with Driver(request.param) as running:
        yield running


def bytes_of(broker: DevBroker, instance_id: str) -> list[bytes]:
    """Returns the events of one instance as they were sent."""
    values = [message.value() or b"" for message in read_messages(broker.bootstrap)]
    return [value for value in values if instance_id.encode() in value]


def on_disk(folder: Path) -> list[str]:
    """Returns the ids of the events in a spool."""
    found: list[str] = []
    for path in folder.iterdir():
        name = SegmentName.parse(path.name)
        if name is not None:
            items = read_records(path.read_bytes(), name.origin)
            found += [
                json.loads(item.event)["event_id"] for item in items if isinstance(item, Record)
            ]
    return found


def test_a_batch_arrives_whole_in_its_order_with_consecutive_numbers(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    before = driver.request("record", call=CALL, times=3)["accepted"]
    calls = [{**CALL, "quantity": number} for number in range(5)]
    batch = driver.request("record_many", calls=calls, times=MANY // 5)["accepted"]
    after = driver.request("record", call=CALL)["accepted"]
    driver.request("flush", timeout=20_000)
    events = read(broker, instance)
    assert [event.event_id for event in events] == [*before, *batch, *after]
    assert [event.seq for event in events] == list(range(1, MANY + 5))
    assert [int(event.quantity) for event in events[3:-1]] == [0, 1, 2, 3, 4] * (MANY // 5)


def test_one_invalid_event_rejects_the_batch_and_is_named(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    calls = [*[CALL] * 299, {**WRONG, "event_id": "wrong"}, *[CALL] * 199, WRONG]
    response = driver.request("record_many", calls=calls)
    assert (response["accepted"], response["rejected"]) == ([], MANY)
    [error] = driver.errors
    assert (error["code"], error["field"], error["index"]) == ("quantity.invalid", "quantity", 299)
    assert error["event_id"] == "wrong"
    assert counters(driver)["rejected"] == {"quantity.invalid": MANY}
    accepted = driver.request("record", call=CALL)["accepted"]
    driver.request("flush", timeout=20_000)
    assert [(event.event_id, event.seq) for event in read(broker, instance)] == [(accepted[0], 1)]


@pytest.mark.parametrize("count", [0, MANY + 1])
def test_a_batch_of_too_few_or_too_many_events_is_rejected(driver: Driver, count: int) -> None:
    new(driver, NO_BROKER)
    calls = [CALL] * count
    assert driver.request("record_many", calls=calls) == {
        "id": 2,
        "accepted": [],
        "rejected": count,
    }
    assert driver.codes() == ["batch.invalid"]
    assert counters(driver)["accepted"] == 0


def test_a_batch_of_too_many_bytes_is_rejected(driver: Driver, broker: DevBroker) -> None:
    """524,288 bytes are accepted, one more is not."""
    instance = new(driver, broker.bootstrap)
    full = {**CALL, "metadata": {"text": "x" * 30_000}}

    def calls(last: int) -> list[dict[str, Any]]:
        return [*[full] * 17, {**CALL, "metadata": {"text": "é" * last}}]

    # Of a number with two digits, as those of the batches below have.
    driver.request("record", call=CALL, times=10)
    driver.request("record_many", calls=calls(0))
    driver.request("flush", timeout=20_000)
    sizes = [len(value) for value in bytes_of(broker, instance)][10:]
    left = 524_288 - sum(sizes)
    driver.request("record_many", calls=calls(left // 2 + 1))
    assert driver.codes() == ["batch.invalid"]
    assert len(driver.request("record_many", calls=calls(left // 2))["accepted"]) == 18


def test_a_batch_that_the_queue_cannot_hold_whole_takes_nothing(
    driver: Driver, own_broker: DevBroker
) -> None:
    own_broker.kill()
    instance = new(driver, own_broker.bootstrap, max_queue_events=300)
    response = driver.request("record_many", calls=[CALL], times=MANY)
    assert (response["accepted"], response["rejected"]) == ([], MANY)
    assert driver.codes() == ["queue.full"]
    assert counters(driver)["queued"] == 0
    accepted = driver.request("record_many", calls=[CALL], times=250)["accepted"]
    assert len(accepted) == 250
    own_broker.restart()
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    assert [event.seq for event in read(own_broker, instance)] == list(range(1, 251))


@pytest.mark.parametrize("mode", ["spill", "durable"])
def test_a_batch_for_which_the_spool_has_no_room_takes_nothing(
    driver: Driver, tmp_path: Path, mode: str
) -> None:
    folder = tmp_path / "spool"
    settings = {"spool": mode, "spool_dir": str(folder), "spool_max_bytes": 4_194_304}
    new(driver, NO_BROKER, max_queue_events=2, shutdown_timeout_ms=0, **settings)
    full = {**CALL, "metadata": {"text": "x" * 30_000}}
    accepted: list[str] = []
    while True:
        response = driver.request("record_many", calls=[full], times=15)
        if not response["accepted"]:
            break
        assert len(response["accepted"]) == 15
        accepted += response["accepted"]
    assert driver.codes() == ["spool.full"]
    assert 60 <= len(accepted) < 150
    driver.request("shutdown", timeout=0)
    assert set(on_disk(folder)) == set(accepted)


def test_a_closed_client_rejects_a_batch(driver: Driver) -> None:
    new(driver, NO_BROKER)
    driver.request("shutdown", timeout=0)
    response = driver.request("record_many", calls=[CALL], times=3)
    assert (response["accepted"], response["rejected"]) == ([], 3)
    assert driver.codes() == ["client.closed"]
    assert counters(driver)["rejected"] == {"client.closed": 3}


def test_the_amounts_of_one_piece_of_work_share_its_id(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    amounts = [
        {"product": "agent", "metric_type": "input_token", "quantity": 1200, "cost": 0.012},
        {"product": "agent", "metric_type": "output_token", "quantity": 0},
        {"product": "api", "metric_type": "api_call", "quantity": 1},
    ]
    call = {"workspace_id": "ws-1", "event_id": "work-1", "metadata": {"a": 1}}
    response = driver.request("record_amounts", call=call, amounts=amounts)
    assert response["accepted"] == ["work-1", "work-1"]
    driver.request("flush", timeout=20_000)
    first, second = read(broker, instance)
    assert (first.event_id, first.metric_type, str(first.cost)) == (
        "work-1",
        "input_token",
        "0.012",
    )
    assert (second.event_id, second.metric_type) == ("work-1", "api_call")
    assert (first.metadata, second.metadata) == ('{"a":1}', '{"a":1}')


@pytest.mark.parametrize(
    ("event_id", "quantities", "code", "index"),
    [
        ("", [1, 2], "event_id.invalid", None),
        ("e", [1, -2], "quantity.invalid", 1),
        ("e", [0, -2], "quantity.invalid", 1),
        ("e", [1, 2, 3], "batch.invalid", 2),
        ("e", [1, 2, 0], "batch.invalid", 2),
        ("e", [1, -2, 3], "quantity.invalid", 1),
    ],
)
def test_invalid_amounts_reject_all_and_the_first_is_named(
    driver: Driver, event_id: str, quantities: list[int], code: str, index: int | None
) -> None:
    new(driver, NO_BROKER)
    names = [("agent", "input_token"), ("api", "api_call"), ("api", "api_call")]
    amounts = [
        {"product": product, "metric_type": metric_type, "quantity": quantity}
        for (product, metric_type), quantity in zip(names, quantities, strict=False)
    ]
    call = {"workspace_id": "ws-1", "event_id": event_id}
    response = driver.request("record_amounts", call=call, amounts=amounts)
    assert (response["accepted"], response["rejected"]) == ([], len(amounts))
    [error] = driver.errors
    assert (error["code"], error["index"]) == (code, index)
    assert index is None or error["event_id"] == "e"
    assert counters(driver)["rejected"] == {code: len(amounts)}


def test_too_many_amounts_are_rejected_those_of_zero_among_them(driver: Driver) -> None:
    new(driver, NO_BROKER)
    amounts = [{"product": "api", "metric_type": "api_call", "quantity": 0}] * (MANY + 1)
    call = {"workspace_id": "ws-1", "event_id": " "}
    response = driver.request("record_amounts", call=call, amounts=amounts)
    assert (response["accepted"], response["rejected"]) == ([], MANY + 1)
    [error] = driver.errors
    assert (error["code"], error["index"]) == ("batch.invalid", None)


def test_amounts_that_are_all_zero_record_nothing(driver: Driver) -> None:
    new(driver, NO_BROKER)
    amounts = [{"product": "api", "metric_type": "api_call", "quantity": 0}]
    call = {"workspace_id": "ws-1", "event_id": "e"}
    response = driver.request("record_amounts", call=call, amounts=amounts)
    assert (response["accepted"], response["rejected"], driver.codes()) == ([], 0, [])

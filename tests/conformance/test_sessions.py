"""Sessions and voids, in every SDK: what only the SDK itself records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL, NO_BROKER, counters, new, read

SESSION: Mapping[str, str] = {
    "workspace_id": "ws-1",
    "product": "ekascribe",
    "metric_type": "transcription_minute",
}
MINUTE = 60_000


@pytest.fixture(params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver of each SDK, before it has a client."""
    with Driver(request.param) as running:
        yield running


def boundary_of(
    driver: Driver, boundary: str, call: Mapping[str, Any], **given: Any
) -> dict[str, Any]:
    """Records a boundary of one session."""
    request = {"boundary": boundary, "call": call, "session_id": "s-1", **given}
    return driver.request("session_boundary", **request)


def test_a_session_is_one_event_of_the_time_that_passed(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    call = {**SESSION, "metadata": {"room": 1}, "event_id": "e"}
    accepted = driver.request("session", call=call, elapsed=10 * MINUTE)["accepted"]
    driver.request("session", call=SESSION, elapsed=3 * MINUTE, fails=True)
    driver.request("flush", timeout=20_000)
    first, second = read(broker, instance)
    assert [first.event_id] == accepted
    # Besides the time by which the clocks were moved, some passes.
    assert 10 <= first.quantity < 11
    assert (first.status, first.event_id, first.metadata) == ("ok", "e", '{"room":1}')
    assert first.session_id is UNSET
    assert (first.ts - first.occurred_at).total_seconds() >= 600
    assert 3 <= second.quantity < 4
    assert (second.status, second.is_billable) == ("error", 0)


@pytest.mark.parametrize(
    ("wall", "least", "most"),
    [(60 * MINUTE, 10, 11), (4 * MINUTE, 4, 5), (-60 * MINUTE, 10, 11)],
)
def test_a_session_is_no_longer_than_the_wall_clock_says_unless_it_was_set_back(
    driver: Driver, broker: DevBroker, wall: int, least: int, most: int
) -> None:
    instance = new(driver, broker.bootstrap)
    driver.request("session", call=SESSION, elapsed=10 * MINUTE, wall=wall)
    driver.request("flush", timeout=20_000)
    [event] = read(broker, instance)
    assert least <= event.quantity < most
    assert event.quantity == round(event.quantity, 12)


def test_the_first_end_of_a_session_counts(driver: Driver, broker: DevBroker) -> None:
    new(driver, broker.bootstrap)
    response = driver.request("session", call=SESSION, elapsed=MINUTE, ends=3)
    assert len(response["accepted"]) == 1
    assert counters(driver)["accepted"] == 1


def test_a_session_that_never_ends_is_reported_at_shutdown(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    driver.request("session", call=SESSION, elapsed=MINUTE, ends=0)
    driver.request("shutdown")
    assert driver.codes() == ["session.unfinished"]
    assert read(broker, instance) == []


def test_the_boundaries_of_a_session_are_events_of_quantity_zero(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    for boundary in ("start", "beat"):
        boundary_of(driver, boundary, {**SESSION, "metadata": {"room": 1}})
    boundary_of(driver, "end", {**SESSION, "status": "error"})
    driver.request("flush", timeout=20_000)
    events = read(broker, instance)
    assert [(event.boundary, event.status, event.metadata) for event in events] == [
        ("start", "ok", '{"room":1}'),
        ("beat", "ok", '{"room":1}'),
        ("end", "error", "{}"),
    ]
    assert {(event.session_id, event.quantity) for event in events} == {("s-1", Decimal(0))}
    assert [event.seq for event in events] == [1, 2, 3]


def test_a_boundary_is_at_the_time_that_is_given(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    boundary_of(driver, "start", SESSION)
    driver.request("flush", timeout=20_000)
    [first] = read(broker, instance)
    at = int(first.ts.timestamp() * 1000) - MINUTE
    boundary_of(driver, "beat", SESSION, at=at)
    driver.request("flush", timeout=20_000)
    [_, second] = read(broker, instance)
    assert int(second.occurred_at.timestamp() * 1000) == at


def test_what_is_not_measured_in_time_has_no_session(driver: Driver) -> None:
    new(driver, NO_BROKER)
    assert driver.request("session", call=CALL, elapsed=MINUTE)["accepted"] == []
    assert boundary_of(driver, "start", CALL)["rejected"] == 1
    assert driver.codes() == ["session.invalid"] * 2


def test_a_void_names_the_event_that_it_takes_back(driver: Driver, broker: DevBroker) -> None:
    instance = new(driver, broker.bootstrap)
    [event_id] = driver.request("record", call=CALL)["accepted"]
    call = {**CALL, "event_id": event_id, "reason": "recorded twice"}
    [void_id] = driver.request("void", call=call)["accepted"]
    driver.request("flush", timeout=20_000)
    _, void = read(broker, instance)
    assert (void.event_id, void.voids, void.status) == (void_id, event_id, "void")
    assert (int(void.quantity), void.is_billable, void.seq) == (0, 0, 2)
    assert void.metadata == '{"reason":"recorded twice"}'


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"reason": " "}, "metadata.required"),
        ({"event_id": ""}, "voids.invalid"),
        ({"workspace_id": ""}, "workspace_id.invalid"),
    ],
)
def test_an_invalid_void_is_rejected(driver: Driver, given: dict[str, str], code: str) -> None:
    new(driver, NO_BROKER)
    call = {**CALL, "event_id": "e-1", "reason": "recorded twice", **given}
    assert driver.request("void", call=call)["rejected"] == 1
    assert driver.codes() == [code]


def test_only_void_records_a_void(driver: Driver) -> None:
    new(driver, NO_BROKER)
    assert driver.request("record", call={**CALL, "status": "void"})["rejected"] == 1
    assert driver.codes() == ["status.unknown"]

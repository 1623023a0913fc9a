"""The ids of the active OpenTelemetry span in the metadata of events, in every SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL, new, read

IDS = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "00f067aa0ba902b7"}


@pytest.fixture(params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The driver of each SDK, before it has a client."""
    with Driver(request.param) as running:
        yield running


def metadata(driver: Driver, broker: DevBroker, instance: str) -> list[dict[str, Any]]:
    """Returns the metadata of the events of a client, in the order of their numbers."""
    assert driver.request("flush", timeout=20_000)["queued"] == 0
    events = sorted(read(broker, instance), key=lambda event: event.seq)
    return [json.loads(event.metadata) for event in events]


def test_calls_within_a_span_have_its_ids_unless_the_caller_gives_one(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap, trace_metadata=True)
    driver.request("record", call=CALL)
    driver.request("span", **IDS)
    driver.request("record", call={**CALL, "metadata": {"a": 1}})
    driver.request("record_many", calls=[CALL, CALL])
    driver.request("log", call={**CALL, "message": "m"})
    driver.request("void", call={**CALL, "event_id": "e", "reason": "a mistake"})
    driver.request("record", call={**CALL, "metadata": {"trace_id": "mine"}})
    first, *others, last = metadata(driver, broker, instance)
    assert (first, last) == ({}, {"trace_id": "mine"})
    assert len(others) == 5
    assert all(IDS.items() <= one.items() for one in others)
    assert others[:2] == [{"a": 1, **IDS}, IDS]
    assert driver.codes() == []


def test_no_event_has_the_ids_of_a_span_unless_they_are_asked_for(
    driver: Driver, broker: DevBroker
) -> None:
    instance = new(driver, broker.bootstrap)
    driver.request("span", **IDS)
    driver.request("record", call=CALL)
    assert metadata(driver, broker, instance) == [{}]

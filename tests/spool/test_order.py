"""Events pending in memory were accepted before those on disk, and are delivered first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.harness import CALL
from tests.e2e.reader import read_events
from tests.waiting import eventually

_EVENTS = 120
_IN_MEMORY = 50


@pytest.mark.parametrize("mode", ["spill", "durable"])
@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_the_next_process_delivers_events_in_order(
    language: str, mode: str, tmp_path: Path
) -> None:
    with DevBroker(data_dir=tmp_path / "broker") as broker, Driver(language) as driver:
        settings = {
            "kafka_brokers": broker.bootstrap,
            "max_queue_events": _IN_MEMORY,
            "spool": mode,
            "spool_dir": str(tmp_path / "spool"),
        }
        broker.kill()
        driver.request("new", settings=settings)
        driver.request("record", call=CALL, times=_EVENTS)
        assert driver.request("shutdown")["undelivered"] == 0
        broker.restart()
        driver.request("new", settings=settings)
        eventually(lambda: driver.request("stats")["replayed"] >= _EVENTS)
        numbers = dict.fromkeys(event.seq for event in read_events(broker.bootstrap))
        assert list(numbers) == list(range(1, _EVENTS + 1))

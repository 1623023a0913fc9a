"""What waited in memory was accepted before what waits on disk, and is delivered before it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.crash.lab import CALL
from tests.e2e.reader import read_events

_EVENTS = 120
_IN_MEMORY = 50


@pytest.mark.parametrize("mode", ["spill", "durable"])
@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_the_next_process_delivers_in_the_order_of_the_events(
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
        driver.ask("new", settings=settings)
        driver.ask("record", call=CALL, times=_EVENTS)
        assert driver.ask("shutdown")["undelivered"] == 0
        broker.restart()
        driver.ask("new", settings=settings)
        while driver.ask("stats")["replayed"] < _EVENTS:
            time.sleep(0.05)
        numbers = dict.fromkeys(event.seq for event in read_events(broker.bootstrap))
        assert list(numbers) == list(range(1, _EVENTS + 1))

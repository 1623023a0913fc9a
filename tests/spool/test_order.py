"""The order of events: those in memory go before those on disk, and retries overtake nothing."""

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
_REFUSALS = 3
_PER_REFUSAL = 1_500


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


# With acks=1, librdkafka sends other batches before one that is sent again.
@pytest.mark.parametrize(
    ("language", "acks"),
    [
        (language, acks)
        for language in sorted(COMMANDS)
        for acks in ("1", "all")
        if (language, acks) != ("python", "1")
    ],
)
def test_a_batch_that_is_sent_again_is_not_overtaken(language: str, acks: str) -> None:
    with DevBroker() as broker, Driver(language) as driver:
        settings = {"kafka_brokers": broker.bootstrap, "kafka_acks": acks, "kafka_linger_ms": 0}
        driver.request("new", settings=settings)
        driver.request("record", call=CALL)
        assert driver.request("flush", timeout=30_000)["queued"] == 0
        for _ in range(_REFUSALS):
            broker.fail("NOT_LEADER_FOR_PARTITION", 1)
            driver.request("record", call=CALL, times=_PER_REFUSAL)
            assert driver.request("flush", timeout=30_000)["queued"] == 0
        numbers = dict.fromkeys(event.seq for event in read_events(broker.bootstrap))
        assert list(numbers) == list(range(1, _REFUSALS * _PER_REFUSAL + 2))

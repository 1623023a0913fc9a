"""What every SDK requires of Kafka before an event counts as delivered, and how long it retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from eka_usage import METRIC_TYPES, PRODUCTS

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e.reader import read_events
from tests.waiting import eventually

CALL = {
    "workspace_id": "ws-1",
    "product": PRODUCTS[0],
    "metric_type": METRIC_TYPES[PRODUCTS[0]][0],
}
LEADER, ALL = 1, -1

languages = pytest.mark.parametrize("language", COMMANDS)


@languages
@pytest.mark.parametrize(
    ("settings", "acks"),
    [
        ({}, LEADER),
        ({"spool": "durable"}, ALL),
        ({"spool": "durable", "kafka_acks": "1"}, LEADER),
    ],
    ids=str,
)
def test_durable_requires_all_acknowledgements_unless_acks_is_set(
    language: str, settings: Mapping[str, str], acks: int, tmp_path: Path
) -> None:
    with DevBroker() as broker, Driver(language) as driver:
        folder = {"spool_dir": str(tmp_path / "spool")}
        driver.request("new", settings={"kafka_brokers": broker.bootstrap, **folder, **settings})
        driver.request("record", call=CALL, times=1)
        driver.request("flush", timeout=30_000)
        assert broker.required_acks() == acks
        driver.request("shutdown")
        driver.end()


@languages
@pytest.mark.parametrize("acks", ["1", "all"])
def test_a_rejection_that_passes_uses_up_no_retries(language: str, acks: str) -> None:
    with DevBroker() as broker, Driver(language) as driver:
        broker.fail("NOT_ENOUGH_REPLICAS")
        settings = {"kafka_brokers": broker.bootstrap, "kafka_acks": acks, "kafka_retries": 1}
        driver.request("new", settings={**settings, "spool": "off"})
        accepted = driver.request("record", call=CALL, times=20)["accepted"]
        eventually(lambda: broker.produce_requests() > 5)
        broker.heal()
        driver.request("flush", timeout=60_000)
        stats = driver.request("stats")
        assert (stats["delivered"], stats["failed"]) == (20, 0), driver.errors
        arrived = Counter(event.event_id for event in read_events(broker.bootstrap))
        assert arrived == Counter(accepted)
        driver.request("shutdown")
        driver.end()


@languages
@pytest.mark.parametrize(
    ("acks", "replicas", "warnings"), [("1", 2, 1), ("all", 2, 0), ("1", 1, 0)]
)
def test_acks_of_the_leader_alone_are_warned_about_once_if_there_are_replicas(
    language: str, acks: str, replicas: int, warnings: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with DevBroker(replicas=replicas) as broker, Driver(language) as driver:
        settings = {"kafka_brokers": broker.bootstrap, "kafka_acks": acks, "spool": "off"}
        driver.request("new", settings=settings)
        printed = ""

        def warned() -> int:
            nonlocal printed
            printed += capfd.readouterr().err
            return printed.count("counts as delivered once the leader has it")

        for _ in range(3):
            driver.request("record", call=CALL, times=2)
            assert driver.request("flush", timeout=30_000)["queued"] == 0
        if warnings:
            eventually(warned)
            assert f"has {replicas} replicas" in printed
        driver.request("shutdown")
        driver.end()
        assert warned() == warnings

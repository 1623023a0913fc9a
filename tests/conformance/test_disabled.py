"""A disabled client checks and returns ids; it opens and sends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL
from tests.e2e.reader import read_events
from tests.environment import variables
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("language", sorted(COMMANDS))


def test_a_disabled_client_checks_its_calls_and_returns_ids(language: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with Driver(language, **variables(disabled="true", kafka_brokers="")) as driver:
        # No brokers, no credentials: nothing is connected to.
        settings = {
            "spool": "durable",
            "spool_dir": str(spool),
            "kafka_security_protocol": "SASL_SSL",
        }
        driver.request("new", settings=settings)
        threads = count_threads(driver)
        recorded = driver.request("record", call=CALL, times=1_000)
        assert len(set(recorded["accepted"])) == 1_000
        assert driver.request("record", call={**CALL, "product": "none"})["rejected"] == 1
        assert driver.request("flush", timeout=5_000)["queued"] == 0
        stats = driver.request("stats")
        assert stats["disabled"] is True
        assert stats["accepted"] == stats["delivered"] == 1_000
        assert stats["failed"] == stats["queued"] == stats["spooled"] == 0
        assert stats["rejected"] == {"product.unknown": 1}
        assert driver.codes() == ["product.unknown"]
        if language == "python":  # the other runtimes start threads of their own
            # A thread that was joined may still be ending.
            eventually(lambda: count_threads(driver) == threads)
        assert driver.request("shutdown")["undelivered"] == 0
        assert driver.request("record", call=CALL)["rejected"] == 1
        assert driver.end() == 0
    assert not spool.exists()


def test_the_setting_overrides_the_variable(language: str, broker: DevBroker) -> None:
    environment = variables(disabled="true", kafka_brokers=broker.bootstrap)
    with Driver(language, **environment) as driver:
        driver.request("new", settings={})
        driver.request("record", call=CALL)
        driver.request("shutdown")
        driver.request("new", settings={"disabled": False})
        [accepted] = driver.request("record", call=CALL)["accepted"]
        assert driver.request("stats")["disabled"] is False
        driver.request("shutdown")
    assert accepted in [event.event_id for event in read_events(broker.bootstrap)]


def count_threads(driver: Driver) -> int:
    return len(list(Path(f"/proc/{driver.pid}/task").iterdir()))

"""A process with a client per tenant or per request is told, once."""

from __future__ import annotations

import pytest

from tests.conformance.drivers import COMMANDS, Driver

_MANY = 32


@pytest.mark.parametrize("language", sorted(COMMANDS))
def test_many_open_clients_are_logged_once_and_those_that_were_shut_down_do_not_count(
    language: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"kafka_brokers": "127.0.0.1:1", "spool": "off"}
    with Driver(language) as driver:
        for _ in range(_MANY):
            driver.request("new", settings=settings)
            driver.request("shutdown", timeout=0)
        for _ in range(_MANY - 1):
            driver.request("new", settings=settings)
        assert "clients are open" not in capfd.readouterr().err
        for _ in range(3):
            driver.request("new", settings=settings)
        driver.request("stats")
        assert capfd.readouterr().err.count(f"{_MANY} clients are open in this process") == 1

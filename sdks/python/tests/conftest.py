"""What every test of the Python SDK may ask for, and what none may leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eka_usage import EkaClient, lifecycle
from eka_usage._generated.settings import SETTINGS

from sdks.python.tests.spooling import folder, spooling_to
from sdks.python.tests.support import Heard
from sdks.python.tests.tap import Tap, consumer
from tests.broker import DevBroker, broker

__all__ = ["broker", "consumer", "folder", "spooling_to"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests are the same on a machine where the SDK is configured."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    # What keeps events on disk says so, and where.
    monkeypatch.setenv("EKA_SPOOL", "off")
    # Nor are brokers optional, as the SDK's own pytest plugin makes them elsewhere.
    monkeypatch.setattr(EkaClient, "_in_place_of_kafka", None)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    before = lifecycle.clients()
    yield
    assert lifecycle.clients() == before, "a client was not shut down"
    assert [thread for thread in threading.enumerate() if thread.name.startswith("eka-")] == []


@pytest.fixture
def heard() -> Heard:
    """An `on_error` that remembers what it heard."""
    return Heard()


@pytest.fixture
def connected(broker: DevBroker, heard: Heard) -> Iterator[Callable[..., EkaClient]]:
    """Makes clients of the embedded broker, which are gone after the test."""
    made: list[EkaClient] = []

    def make(**arguments: Any) -> EkaClient:
        given = {"kafka_brokers": broker.bootstrap, "on_error": heard, "linger_ms": 5, **arguments}
        made.append(EkaClient("checkout", **given))
        return made[-1]

    yield make
    for client in made:
        client.shutdown(0)


@pytest.fixture
def tap(broker: DevBroker, consumer: Any) -> Tap:
    """Reads what reaches the broker from here on."""
    return Tap(consumer)

"""The fixtures of the Python SDK's tests, and the checks that no test leaves anything behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from eka_usage import EkaClient, _shutdown_hooks
from eka_usage._generated.settings import SETTINGS

from sdks.python.tests.metrics_support import make_collecting
from sdks.python.tests.spool_support import make_spool_client, spool_dir
from sdks.python.tests.support import ClientFactory, ReportedErrors
from sdks.python.tests.topic_reader import TopicReader, consumer
from tests.broker import DevBroker, broker

__all__ = ["broker", "consumer", "make_collecting", "make_spool_client", "spool_dir"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the tests independent of how the SDK is configured on this machine."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    # A test that needs a spool configures one, with a directory of its own.
    monkeypatch.setenv("EKA_SPOOL", "off")
    # Clients are as outside of tests here, although the SDK's own pytest plugin disables them.
    ambient = EkaClient._ambient._replace(producer=None, disabled=False)
    monkeypatch.setattr(EkaClient, "_ambient", ambient)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    before = _shutdown_hooks.clients()
    yield
    assert _shutdown_hooks.clients() == before, "a client was not shut down"
    assert [thread for thread in threading.enumerate() if thread.name.startswith("eka-")] == []


@pytest.fixture
def errors() -> ReportedErrors:
    """An `on_error` that collects the errors it is called with."""
    return ReportedErrors()


@pytest.fixture
def make_client(broker: DevBroker, errors: ReportedErrors) -> Iterator[ClientFactory]:
    """Makes clients of the embedded broker and shuts them down after the test."""
    made: list[EkaClient] = []

    def make(**arguments: Any) -> EkaClient:
        given = {"kafka_brokers": broker.bootstrap, "on_error": errors, "linger_ms": 5, **arguments}
        made.append(EkaClient("checkout", **given))
        return made[-1]

    yield make
    for client in made:
        client.shutdown(0)


@pytest.fixture
def topic(broker: DevBroker, consumer: Any) -> TopicReader:
    """Reads what reaches the broker from here on."""
    return TopicReader(consumer)

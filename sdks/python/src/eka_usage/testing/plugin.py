"""The pytest plugin; pytest loads it by its entry point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .. import lifecycle
from .._generated.catalog import USAGE_TOPIC
from .._generated.settings import SETTINGS
from ..client import EkaClient
from ..transports.base import Failed
from ..transports.injected import InjectedTransport
from .producer import InMemoryProducer


@pytest.fixture
def usage_events(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryProducer]:
    """The events that any EkaClient delivers during the test, as a sequence of `UsageEvent`.

    Clients need no brokers, whether they were made before the test or are made in it.
    """
    producer = InMemoryProducer()

    def connect(failed: Failed) -> InjectedTransport:
        return InjectedTransport(producer, USAGE_TOPIC, failed)

    monkeypatch.setattr(EkaClient, "_connect", staticmethod(connect))
    for setting in SETTINGS:
        if setting.required:
            monkeypatch.setenv(setting.variable, "in-memory")
    before = lifecycle.clients()
    with ExitStack() as stack:
        for client in before:
            stack.enter_context(client._redirected(connect))  # noqa: SLF001
        yield producer
        for client in lifecycle.clients():
            if client not in before:
                client.shutdown()

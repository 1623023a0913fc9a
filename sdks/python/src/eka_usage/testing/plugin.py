"""The pytest plugin; pytest loads it by its entry point."""
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from .. import _shutdown_hooks
from .._ambient import Ambient
from .._client import EkaClient
from .._generated.settings import SETTINGS
from ._producer import InMemoryProducer


def pytest_configure() -> None:
    """Disables clients that are not configured otherwise, whatever brokers the environment has."""
    EkaClient._ambient = Ambient(producer=_Nowhere(), spools=False, disabled=True)


def pytest_report_header() -> str:
    """Returns a line on the default, and on how a test with a real Kafka overrides it."""
    variable = next(setting.variable for setting in SETTINGS if setting.name == "disabled")
    return f"usage: clients without a producer are disabled, unless {variable}=false"


def pytest_unconfigure() -> None:
    """Restores the defaults."""
    EkaClient._ambient = Ambient()


@pytest.fixture
def usage_events(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryProducer]:
    """The events that all clients deliver during the test, as a sequence of `UsageEvent`.

    Clients need no brokers, whether they were created before the test or in it.
    """
    producer = InMemoryProducer()
    monkeypatch.setattr(EkaClient, "_ambient", EkaClient._ambient._replace(redirect=producer))
    before = _shutdown_hooks.clients()
    with ExitStack() as stack:
        for client in before:
            stack.enter_context(client._another_instance())
        yield producer
        for client in _shutdown_hooks.clients():
            if client not in before:
                client.reset_after_restore(0)  # a service may keep it for later tests


class _Nowhere:
    """Replaces Kafka in tests that do not use the fixture."""

    def produce(self, *, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        on_delivery(None, None)

    def poll(self, timeout: float) -> None: ...

    def flush(self, timeout: float) -> None: ...

"""Fixtures of the API's tests: a server, and clients with keys of different rights."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.server import ApiServer
from tests.broker import DevBroker


@pytest.fixture(scope="session")
def api(broker: DevBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The shared server of a pytest worker."""
    with ApiServer(tmp_path_factory.mktemp("api"), broker.bootstrap) as running:
        yield running


@pytest.fixture(scope="session")
def any_workspace(api: ApiServer) -> Iterator[httpx.Client]:
    """A client of the service `svc`, for all workspaces."""
    with api.client(api.new_key("svc")) as client:
        yield client


@pytest.fixture(scope="session")
def one_workspace(api: ApiServer) -> Iterator[httpx.Client]:
    """A client of the service `svc`, for the workspace `mine`."""
    with api.client(api.new_key("svc", "--workspace", "mine")) as client:
        yield client

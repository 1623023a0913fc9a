"""Fixtures of the sink's tests: a store and a broker per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink.stores import make_store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Client]:
    """An open store without tables; chDB allows one open store per process."""
    with open_store(f"chdb://{tmp_path}/store") as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Client]:
    """An open store with all migrations applied."""
    make_store(tmp_path / "store")
    with open_store(f"chdb://{tmp_path}/store") as client:
        yield client


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """A broker whose topics no other test uses, and whose data survives a restart."""
    with DevBroker(data_dir=tmp_path / "kafka") as running:
        yield running

"""Fixtures of the sink's tests: a chDB store per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.migrate import migrate
from infra.sink.store import open_store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Client]:
    """An open store without tables; chDB allows one open store per process."""
    with open_store(f"chdb://{tmp_path}/store") as client:
        yield client


@pytest.fixture
def store(empty_store: Client) -> Client:
    """An open store with all migrations applied."""
    migrate(empty_store)
    return empty_store

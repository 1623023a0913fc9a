"""A store of its own for a test: chDB in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.migrate import migrate
from infra.sink.store import open_store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Client]:
    """Open for the length of the test: a process has one chDB at a time."""
    with open_store(f"chdb://{tmp_path}/store") as client:
        yield client


@pytest.fixture
def store(empty_store: Client) -> Client:
    """With all migrations."""
    migrate(empty_store)
    return empty_store

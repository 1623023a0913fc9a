"""Fixtures of every test."""

import os

import pytest

from tests.broker import broker
from tests.environment import variables

# A test that needs a spool uses a directory of its own, and clients here have a broker.
os.environ |= variables(spool="off", disabled="false")

__all__ = ["broker"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests with a time limit of their own first: they are long, and start clusters.

    One worker takes them one after another, while the others take the rest.
    """
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)

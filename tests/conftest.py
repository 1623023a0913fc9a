"""Fixtures of every test."""

import os

from tests.broker import broker
from tests.environment import variables

# A test that needs a spool uses a directory of its own, and clients here have a broker.
os.environ |= variables(spool="off", disabled="false")

__all__ = ["broker"]

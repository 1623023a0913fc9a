"""Fixtures of every test."""

import os

from tests.broker import broker
from tests.environment import variables

# A test that needs a spool uses a directory of its own.
os.environ |= variables(spool="off")

__all__ = ["broker"]

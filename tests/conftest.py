"""What every test may ask for."""

import os

from tests.broker import broker
from tests.environment import variables

# What a test keeps on disk, it keeps in a folder of its own.
os.environ |= variables(spool="off")

__all__ = ["broker"]

"""What every test may ask for."""

import os

from tests.broker import broker

# What a test keeps on disk, it keeps in a folder of its own.
os.environ["EKA_SPOOL"] = "off"

__all__ = ["broker"]

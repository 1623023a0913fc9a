"""What every test may ask for."""

from tests.broker import broker

__all__ = ["broker"]

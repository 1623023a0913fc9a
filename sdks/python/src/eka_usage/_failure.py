"""One event that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Failure(NamedTuple):
    """An event, and why it was not delivered.

    Attributes:
        given_up: whether it was given up although it could still be delivered.
        final: whether Kafka rejected it permanently.
    """

    why: str
    key: bytes
    event: bytes
    given_up: bool = False
    final: bool = False


Failed = Callable[[Failure], None]
"""Receives each event that cannot be delivered."""

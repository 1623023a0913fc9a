"""One event that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Failure(NamedTuple):
    """Why, and which.

    Attributes:
        given_up: whether it was given up while it could still be delivered.
        final: whether no retry would help.
    """

    why: str
    key: bytes
    event: bytes
    given_up: bool = False
    final: bool = False


Failed = Callable[[Failure], None]
"""Told of each event that cannot be delivered."""

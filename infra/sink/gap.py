"""Messages that the topic's retention removed before a sink read them."""

from __future__ import annotations

from typing import NamedTuple

from infra.sink._generated.fields import USAGE_TOPIC


class Gap(NamedTuple):
    """The offsets of a partition, from the first to the last, that no sink can read any more."""

    partition: int
    first: int
    last: int

    @property
    def messages(self) -> int:
        """How many messages it had, transaction markers included."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{USAGE_TOPIC}/{self.partition} offsets {self.first} to {self.last}"

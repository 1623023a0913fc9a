"""The events of one call that are accepted all or none, and how far they have come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ._counting import CountOne
from ._spool.record import Member, group_body
from ._spool.segment_writer import AckGroup

# UTF-8 takes at most so many for one character.
_MOST_BYTES = 4

Call = tuple[Any, ...]
"""The arguments of one call, in the order of `EventEncoder.encode`."""


class Rejection(NamedTuple):
    """Why a batch was not accepted.

    Attributes:
        error: the error of the batch, or of its first invalid event.
        place: that of the event, from 0; None for the batch as a whole.
        call: its arguments.
    """

    error: Exception
    place: int | None = None
    call: Call | None = None


class Batch:
    """Encoded events, which an interrupted call left in a state from which it can be completed.

    Attributes:
        numbers: those of its events; empty until room is reserved.
        keys: the key of each event.
        events: the events.
        ids: the id of each event.
        lost: what an event lost of its metadata, by its place from 0.
        counts: what counts each event by its quantity; None if nothing is counted.
        first: the number that the first event was encoded with.
        is_numbered: whether its events have its numbers.
        spills: whether the room that is reserved is on disk.
        sent: how many events the transport has taken.
        group: what is acknowledged together, once they are on disk.
        taken: how many events the outbox had taken after each of them; empty until it took all.
    """

    __slots__ = (
        "_body",
        "_members",
        "counts",
        "events",
        "first",
        "group",
        "ids",
        "is_numbered",
        "keys",
        "lost",
        "numbers",
        "sent",
        "spills",
        "taken",
    )

    def __init__(self, *, is_counted: bool = False) -> None:
        self.counts: list[CountOne] | None = [] if is_counted else None
        self.numbers: list[int] = []
        self.first = 0
        self.is_numbered = False
        self.keys: list[str] = []
        self.events: list[str] = []
        self.ids: list[str] = []
        self.lost: dict[int, str] = {}
        self._members: Sequence[Member] = ()
        self._body = b""
        self.spills = False
        self.sent = 0
        self.group: AckGroup | None = None
        self.taken: list[int] = []

    def replace(self, other: Batch) -> None:
        """Takes the events of another, which were encoded with the numbers of this one."""
        self.keys, self.events, self.ids = other.keys, other.events, other.ids
        self.lost, self._members, self._body = other.lost, (), b""

    def __len__(self) -> int:
        return len(self.events)

    @property
    def size(self) -> int:
        """How many bytes its events have together."""
        return sum(len(event) for _, event in self.members)

    @property
    def most_size(self) -> int:
        """How many bytes its events may have together, which takes less time to tell."""
        return _MOST_BYTES * sum(map(len, self.events))

    @property
    def members(self) -> Sequence[Member]:
        """The keys and events as bytes."""
        if not self._members:
            pairs = zip(self.keys, self.events, strict=True)
            self._members = [(key.encode(), event.encode()) for key, event in pairs]
        return self._members

    @property
    def body(self) -> bytes:
        """The body of the record that it is on disk."""
        if not self._body:
            self._body = group_body(self.members)
        return self._body

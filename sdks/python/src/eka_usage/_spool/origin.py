"""The identity of a writer, in the names and headers of its segments."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable

from .._count import Count
from .header import Header
from .segment_name import SegmentName

_DEFAULT_PORT = "9092"


class Origin:
    """One client, or one forked child of it.

    Args:
        destination: see `destination()`.
        instance_id: returns the client's, which its first event mints.
        seq_of: returns the number of an event.
    """

    def __init__(
        self, destination: bytes, instance_id: Callable[[], str], seq_of: Callable[[bytes], int]
    ) -> None:
        self.id = os.urandom(16).hex()
        self.destination = destination
        self._instance_id = instance_id
        self._seq_of = seq_of
        self._numbers = Count()
        self._last_seq = 0

    def name(self, kind: str) -> SegmentName:
        """Returns the name of the next segment, whose first event is not known yet."""
        return SegmentName(kind, self.id, 0, self._numbers.next(), self.id)

    def header(self, event: bytes) -> Header:
        """Returns the header of a segment that begins with this event.

        An event that is requeued after others were written does not reverse the order of names.
        """
        self._last_seq = max(self._last_seq, self._seq_of(event))
        return Header(
            bytes.fromhex(self.id),
            self._last_seq,
            time.time_ns() // 1_000_000,
            self.destination,
            self._instance_id(),
        )


def destination(topic: str, brokers: Iterable[str] | None) -> bytes:
    """Returns what identifies a topic of a cluster; `brokers` is None for an injected producer."""
    bare = (broker.strip().lower().rpartition("/")[2] for broker in brokers or ())
    hosts = sorted({_with_port(broker) for broker in bare if broker})
    text = f"{topic}\n{','.join(hosts) or 'producer'}"
    return hashlib.sha256(text.encode()).digest()[:8]


def _with_port(broker: str) -> str:
    _, colon, port = broker.rpartition(":")
    return broker if colon and port.isdigit() else f"{broker}:{_DEFAULT_PORT}"

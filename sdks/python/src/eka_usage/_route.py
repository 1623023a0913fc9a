"""The ways that an event can take out of the process."""

from __future__ import annotations

from enum import Enum


class Route(Enum):
    """Where the next event goes."""

    UNOPENED = "unopened"
    """To Kafka or to disk, after it has opened the transport: the first event."""
    DIRECT = "direct"
    """To Kafka."""
    DURABLE = "durable"
    """To disk, then to Kafka."""
    DISK = "disk"
    """To disk only, behind others of this client that wait there."""

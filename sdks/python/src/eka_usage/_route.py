"""The routes by which an event leaves the process."""

from __future__ import annotations

from enum import Enum


class Route(Enum):
    """The route of the next event."""

    UNOPENED = "unopened"
    """The first event opens the transport, then takes its usual route."""
    DIRECT = "direct"
    """To Kafka."""
    DURABLE = "durable"
    """To disk, then to Kafka."""
    DISK = "disk"
    """To disk only, behind events of this client that are pending there."""

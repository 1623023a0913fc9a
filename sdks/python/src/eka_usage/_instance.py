"""What a client is in one process."""

from __future__ import annotations

from typing import NamedTuple

from ._event import EventEncoder
from ._outbox import Outbox
from ._outcomes import Outcomes


class Instance(NamedTuple):
    """A client within one process: its id, its numbers from 1, its counters and its queue."""

    encoder: EventEncoder
    outcomes: Outcomes
    outbox: Outbox

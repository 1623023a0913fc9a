"""What a client is in one process."""

from __future__ import annotations

from typing import NamedTuple

from ._batch_encoder import BatchEncoder
from ._outbox import Outbox
from ._outcomes import Outcomes
from ._session import OpenSessions


class Instance(NamedTuple):
    """A client within one process: its id, its numbers from 1, its counters and its queue."""

    encoder: BatchEncoder
    outcomes: Outcomes
    outbox: Outbox
    sessions: OpenSessions

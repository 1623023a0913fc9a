"""What a spool was configured with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class SpoolConfig(NamedTuple):
    """A spool whose folder can be used.

    Attributes:
        folder: where it is.
        max_bytes: what all segments in the folder may take, those of other processes too.
        sync: seconds between two fsyncs; 0 for one before each `append` returns.
        durable: whether every event goes to disk first.
        destination: see `origin.destination()`.
    """

    folder: Path
    max_bytes: int
    sync: float
    durable: bool
    destination: bytes

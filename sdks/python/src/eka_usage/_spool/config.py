"""What a spool was configured with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class SpoolConfig(NamedTuple):
    """A spool whose directory can be used.

    Attributes:
        directory: where the segments are.
        max_bytes: what all segments in the directory may take, those of other processes too.
        sync_interval: seconds between two fsyncs; 0 for one before each `append` returns.
        is_durable: whether every event goes to disk before it is sent.
        destination: see `origin.destination()`.
    """

    directory: Path
    max_bytes: int
    sync_interval: float
    is_durable: bool
    destination: bytes

"""What a spool was configured with."""

from __future__ import annotations

from typing import NamedTuple

from .directory_handle import DirectoryHandle


class SpoolConfig(NamedTuple):
    """A spool whose directory can be used.

    Attributes:
        directory: where the segments are.
        max_bytes: what all segments in the directory may take, those of other processes too.
        sync_interval: seconds between two fsyncs; 0 for one before each `append` returns.
        is_durable: whether every event goes to disk before it is sent.
        destination: see `origin.destination()`.
    """

    directory: DirectoryHandle
    max_bytes: int
    sync_interval: float
    is_durable: bool
    destination: bytes

    def renewed(self) -> SpoolConfig:
        """Returns the configuration for a copied process, where a missing thread may hold locks."""
        return self._replace(directory=self.directory.renewed())

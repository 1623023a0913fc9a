"""The constants of docs/spool-format.md, in seconds and bytes, where a test may change them."""

from __future__ import annotations

from typing import NamedTuple

from .._generated import spool


class Tuning(NamedTuple):
    """Constants of a release, in seconds and bytes."""

    segment_bytes: int = spool.SEGMENT_BYTES
    headroom_bytes: int = spool.HEADROOM_BYTES
    group_events: int = spool.GROUP_EVENTS
    heartbeat: float = spool.HEARTBEAT_MS / 1000
    lease: float = spool.LEASE_MS / 1000
    orphan_timeout: float = spool.ORPHAN_TIMEOUT_MS / 1000
    window_bytes: int = spool.REPLAY_WINDOW_BYTES
    events_per_second: int = spool.REPLAY_EVENTS_PER_SECOND
    retry_min: float = spool.RETRY_MIN_MS / 1000
    retry_max: float = spool.RETRY_MAX_MS / 1000
    patience: float = spool.PATIENCE_MS / 1000

"""The next process on a machine, which delivers what an earlier one left on disk."""

from __future__ import annotations

from pathlib import Path

from eka_usage import EkaClient

from tests.waiting import eventually


def deliver_the_rest(bootstrap: str, spool_dir: Path) -> None:
    """Delivers what is in a spool, even if its writers were ended while Kafka was slow."""
    settings = {"kafka_brokers": bootstrap, "spool": "spill", "spool_dir": str(spool_dir)}
    with EkaClient("successor", **settings):  # type: ignore[arg-type]
        eventually(
            lambda: not list(spool_dir.glob("events-*")), lambda: str(list(spool_dir.iterdir()))
        )

"""What a sink has done since it started: the one source of the progress line and the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_NAMES_KEPT = 100


@dataclass
class Counts:
    """A message counts as stored or dead once the store or the dead-letter topic has it."""

    read: int = 0
    stored: int = 0
    inserts: int = 0
    insert_seconds: float = 0.0
    expired: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    undeclared: int = 0
    unknown: int = 0
    unknown_metrics: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    pause_reason: str = ""
    lag: int | None = None
    rolled_up_at: float | None = None

    @property
    def paused(self) -> bool:
        """Whether the store, the dead-letter topic or Kafka is unavailable."""
        return bool(self.pause_reason) or self.lag is None

    def add_unknown(self, metric: str, events: int) -> None:
        """Counts events of a metric type that this catalog lacks, the first 100 types by name.

        Producers choose the names, so an unlimited number of them would take unlimited memory.
        """
        self.unknown += events
        if metric in self.unknown_metrics or len(self.unknown_metrics) < _NAMES_KEPT:
            self.unknown_metrics[metric] += events

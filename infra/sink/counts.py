"""What a sink has done since it started: the one place that the progress line and metrics read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_NAMES_KEPT = 100


@dataclass
class Counts:
    """Messages are counted as stored or dead when the store, or their topic, has them."""

    read: int = 0
    stored: int = 0
    inserts: int = 0
    insert_seconds: float = 0.0
    dead: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    unknown_metrics: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    waiting: str = ""
    lag: int | None = None

    @property
    def stands_still(self) -> bool:
        """Whether the store or the dead letter topic takes nothing now, or Kafka is away."""
        return bool(self.waiting) or self.lag is None

    def add_unknown(self, metric: str, events: int) -> None:
        """Counts events of a metric type that this catalog lacks; by name for the first 100 names.

        Names come from outside: kept without a limit, they would be memory without a limit.
        """
        self.unknown += events
        if metric in self.unknown_metrics or len(self.unknown_metrics) < _NAMES_KEPT:
            self.unknown_metrics[metric] += events

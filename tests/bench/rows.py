"""What a benchmark says: a JSON object a line on standard output, each a row of the one table."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"


class Row(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One figure.

    Attributes:
        language: whose SDK, or what else is measured.
        what: the figure's name.
        measured: it, for scale: machines differ, and are noisy.
        unit: what `measured` counts.
        floor: what it is compared with in the same run.
        ratio: the median, over rounds, of the measured by the floor.
        at_most: the aim for the ratio; for the measured, where there is no floor.
        at_least: the aim where more is better.
    """

    language: str
    what: str
    measured: float
    unit: str
    floor: str | None = None
    ratio: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    def aim(self) -> str:
        """The aim in a few signs; empty where there is none."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    def verdict(self) -> str:
        """Whether the aim is met."""
        if not self.aim():
            return ""
        figure = self.measured if self.ratio is None else self.ratio
        too_much = self.at_most is not None and figure > self.at_most
        too_little = self.at_least is not None and figure < self.at_least
        return "MISSED" if too_much or too_little else "met"


def median_ratio(costs: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the ratios of what was measured in the same round."""
    return statistics.median(cost / least for cost, least in zip(costs, floor, strict=True))


def emit(row: Row) -> None:
    """Say it."""
    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    sys.stdout.flush()

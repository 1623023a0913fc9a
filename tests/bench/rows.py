"""The output of a benchmark: one JSON object per line, each a row of the table."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"


class Row(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One result.

    Attributes:
        language: The language of the SDK, or the component.
        what: The name of the result.
        measured: The value, for scale: machines differ and are noisy.
        unit: The unit of `measured`.
        floor: What it is compared with in the same run.
        ratio: The median, over rounds, of `measured` divided by the floor.
        at_most: The aim for the ratio; for `measured` where there is no floor.
        at_least: The aim where higher is better.
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
        """Formats the aim; empty if there is none."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    def verdict(self) -> str:
        """Returns whether the aim is met; empty if there is none."""
        if not self.aim():
            return ""
        figure = self.measured if self.ratio is None else self.ratio
        too_much = self.at_most is not None and figure > self.at_most
        too_little = self.at_least is not None and figure < self.at_least
        return "MISSED" if too_much or too_little else "met"


def median_ratio(costs: Sequence[float], floor: Sequence[float]) -> float:
    """Returns the median of the ratios, each of values measured in the same round."""
    return statistics.median(cost / least for cost, least in zip(costs, floor, strict=True))


def emit(row: Row) -> None:
    """Prints a row."""
    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    sys.stdout.flush()

"""Logs the progress of the sink at intervals."""

from __future__ import annotations

import logging
import time

from infra.sink.counts import Counts

_LOG = logging.getLogger("sink")
_NAMES_SHOWN = 3


class Progress:
    """Logs a line every `seconds`, and one when the sink stops."""

    def __init__(self, counts: Counts, seconds: float) -> None:
        self._counts = counts
        self._seconds = seconds
        self._since = self._start = time.monotonic()
        self._stored = 0

    def tick(self) -> None:
        """Logs the line if it is due."""
        now = time.monotonic()
        if now - self._since < self._seconds:
            return
        rate = (self._counts.stored - self._stored) / (now - self._since)
        self._since, self._stored = now, self._counts.stored
        _LOG.info("%s", line(self._counts, rate))

    def end(self) -> None:
        """Logs the totals."""
        rate = self._counts.stored / max(time.monotonic() - self._start, 1e-9)
        _LOG.info("stopped: %s", line(self._counts, rate))


def line(counts: Counts, rate: float) -> str:
    """Formats the counts, leaving out what is zero."""
    parts = [f"stored {counts.stored:,}", f"{rate:,.0f}/s", _lag(counts)]
    if counts.dead:
        codes = ", ".join(f"{code} {count:,}" for code, count in sorted(counts.dead.items()))
        parts.append(f"dead letters {counts.dead.total():,} ({codes})")
    if counts.expired:
        parts.append(f"expired unread {counts.expired:,}")
    if counts.undeclared:
        parts.append(f"undeclared {counts.undeclared:,}")
    if counts.unknown:
        names = [name for name, _ in counts.unknown_metrics.most_common(_NAMES_SHOWN)]
        more = ", …" if len(counts.unknown_metrics) > _NAMES_SHOWN else ""
        parts.append(f"unknown metric types {counts.unknown:,} ({', '.join(names)}{more})")
    if counts.pause_reason:
        parts.append(f"paused: {counts.pause_reason}")
    return ", ".join(parts)


def _lag(counts: Counts) -> str:
    return "lag unknown" if counts.lag is None else f"lag {counts.lag:,}"

"""Reports errors to the caller's `on_error`, or as one log line per second and code."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ._clock import monotonic
from ._describe import describe_error, printable
from ._errors import EkaError, ErrorContext, MetadataDegradedError
from ._interrupts import SuppressErrors, is_interruption, shared_lock

OnError: TypeAlias = Callable[[EkaError, ErrorContext], object]

logger = logging.getLogger(__package__)
_INTERVAL = 1.0


def write_log(
    level: int, message: str, *values: object, extra: Mapping[str, object] | None = None
) -> None:
    """Logs, whatever the host's logging configuration raises."""
    with SuppressErrors():
        shown = [printable(value) if isinstance(value, str) else value for value in values]
        logger.log(level, message, *shown, extra=extra)


class Reporter:
    """Calls `on_error`, whatever it raises; without one, logs."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error: OnError = RateLimitedLog() if on_error is None else on_error
        self._failures = RateLimitedLog()
        self._busy = threading.local()

    def report(self, error: EkaError, context: ErrorContext) -> None:
        """Reports an error to the caller, and never fails."""
        if getattr(self._busy, "reporting", False):
            # An on_error that records an event that fails too would recurse forever.
            self._failures(error, context)
            return
        self._busy.reporting = True
        try:
            self._on_error(error, context)
        except Exception as raised:
            if is_interruption(raised):
                raise
            self._failures.log(
                logging.ERROR, "on_error", f"on_error raised {describe_error(raised)}, on: {error}"
            )
        finally:
            self._busy.reporting = False

    def recover(self) -> None:
        """Reports errors again in a thread whose report was interrupted."""
        self._busy.reporting = False

    def close(self) -> None:
        """Logs how many errors were suppressed since the last line of each code."""
        for log in (self._on_error, self._failures):
            if isinstance(log, RateLimitedLog):
                log.close()


class RateLimitedLog:
    """The default `on_error`: one line per second and code, and how many were suppressed."""

    def __init__(self) -> None:
        self._lock = shared_lock()
        self._next: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def __call__(self, error: EkaError, context: ErrorContext) -> None:
        """Logs an error by its code; code, field and event_id are attributes of the log record."""
        level = logging.WARNING if isinstance(error, MetadataDegradedError) else logging.ERROR
        known = {
            "code": error.code,
            "field": context.get("field"),
            "event_id": context.get("event_id"),
        }
        extra = {name: value for name, value in known.items() if value}
        self.log(level, error.code, f"{error} [{error.code}]", extra)

    def log(
        self, level: int, key: str, message: str, extra: Mapping[str, object] | None = None
    ) -> None:
        """Logs a message, or counts it if a line of this key was logged less than a second ago."""
        with self._lock:
            now = monotonic()
            if now < self._next.get(key, 0.0):
                self._suppressed[key] = self._suppressed.get(key, 0) + 1
                return
            self._next[key] = now + _INTERVAL
            suppressed = self._suppressed.pop(key, 0)
        more = f" ({suppressed} similar lines were suppressed)" if suppressed else ""
        write_log(level, "%s%s", message, more, extra=extra)

    def close(self) -> None:
        """Logs how many lines were suppressed since the last one of each key."""
        with self._lock:
            suppressed, self._suppressed = self._suppressed, {}
        for key, count in suppressed.items():
            write_log(logging.ERROR, "%d more errors like the last %s were suppressed", count, key)

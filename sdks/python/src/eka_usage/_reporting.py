"""How errors are heard: by the caller's `on_error`, or as a log line a second for each code."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from ._describe import describe_error
from ._errors import EkaError, ErrorContext, MetadataDegradedError

OnError: TypeAlias = Callable[[EkaError, ErrorContext], object]

logger = logging.getLogger(__package__)
_INTERVAL = 1.0


def say(level: int, message: str, *values: object) -> None:
    """Logs; a logging set-up of the host's that raises is not the caller's trouble."""
    with suppress(Exception):
        logger.log(level, message, *values)


class Reporter:
    """Calls `on_error`, whatever that does; without one, logs."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error: OnError = RateLimitedLog() if on_error is None else on_error
        self._failures = RateLimitedLog()
        self._busy = threading.local()

    def report(self, error: EkaError, context: ErrorContext) -> None:
        """Tells the caller, and never fails."""
        if getattr(self._busy, "reporting", False):
            # An on_error that records what fails again would go on for ever.
            self._failures(error, context)
            return
        self._busy.reporting = True
        try:
            self._on_error(error, context)
        except Exception as raised:
            self._failures.log(
                logging.ERROR, "on_error", f"on_error raised {describe_error(raised)}, on: {error}"
            )
        finally:
            self._busy.reporting = False

    def close(self) -> None:
        """Says how many errors were held back and never mentioned."""
        for log in (self._on_error, self._failures):
            if isinstance(log, RateLimitedLog):
                log.close()


class RateLimitedLog:
    """The default `on_error`: a line a second for each code, and how many it held back."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._next: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def __call__(self, error: EkaError, _: ErrorContext) -> None:
        """Logs an error by its code."""
        level = logging.WARNING if isinstance(error, MetadataDegradedError) else logging.ERROR
        self.log(level, error.code, f"{error} [{error.code}]")

    def log(self, level: int, key: str, message: str) -> None:
        """Logs the message, or counts it where a line of this key was logged a moment ago."""
        with self._lock:
            now = time.monotonic()
            if now < self._next.get(key, 0.0):
                self._held_back[key] = self._held_back.get(key, 0) + 1
                return
            self._next[key] = now + _INTERVAL
            held_back = self._held_back.pop(key, 0)
        more = f" ({held_back} more like it were held back)" if held_back else ""
        say(level, "%s%s", message, more)

    def close(self) -> None:
        """Says how many lines were held back and never mentioned."""
        with self._lock:
            held_back, self._held_back = self._held_back, {}
        for key, count in held_back.items():
            say(logging.ERROR, "%d more errors like the last %s were held back", count, key)

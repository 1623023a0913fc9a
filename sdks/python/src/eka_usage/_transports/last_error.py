"""Why a delivery timed out: librdkafka says that only in its log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError

from .._clock import monotonic
from .._failure import Failed, Failure

# librdkafka repeats an error at each attempt to connect, at most ten seconds apart.
_RECENT: Final = 30.0
_MAX_LENGTH: Final = 300
_TIMEOUTS = frozenset(
    KafkaError(code).str()
    for code in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT)  # noqa: SLF001
)


class LastError:
    """Remembers the last error that a producer logs, and passes each line on.

    Args:
        logger: a `logging.Logger`, or what has its method `log`.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._text = ""
        self._until = 0.0

    def log(self, level: int, message: str, *values: object) -> None:
        """Logs one line, which is the last of the values."""
        if level >= logging.ERROR and values:
            self._remember(str(values[-1]))
        self._logger.log(level, message, *values)

    def remembering(
        self, error_cb: Callable[[KafkaError], object]
    ) -> Callable[[KafkaError], object]:
        """Returns an `error_cb` that is remembered too: with one, librdkafka logs no errors."""

        def call(error: KafkaError) -> object:
            # That all brokers are down follows from the others, which have the cause.
            if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
                self._remember(error.str())
            return error_cb(error)

        return call

    def explained(self, failed: Failed) -> Failed:
        """Returns what receives failures, and adds the last error to those that only timed out."""

        def call(failure: Failure) -> None:
            timed_out = failure.given_up or failure.why in _TIMEOUTS
            if timed_out and monotonic() < self._until:
                failure = failure._replace(why=f"{failure.why}; the last error: {self._text}")
            failed(failure)

        return call

    def _remember(self, line: str) -> None:
        _, found, text = line.partition("]: ")  # what precedes it is the name of a thread
        self._text = (text if found and line.startswith("[thrd:") else line)[:_MAX_LENGTH]
        self._until = monotonic() + _RECENT

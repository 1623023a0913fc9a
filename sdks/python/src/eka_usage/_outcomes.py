"""Counts and reports what becomes of events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ._counting import Counting, Named
from ._describe import describe_error
from ._errors import (
    DeliveryError,
    EkaError,
    ErrorContext,
    MetadataDegradedError,
    ShutdownTimeoutError,
    at_index,
)
from ._failure import Failure
from ._generated.catalog import USAGE_TOPIC
from ._generated.errors import ErrorCode
from ._ledger import Ledger
from ._reporting import OnError, Reporter, write_log
from ._stack import EnoughStack

_CALL = ("workspace_id", "product", "metric_type", "status", "event_id")
_IDENTITY = ("event_id", "workspace_id", "product", "metric_type", "status")


class Outcomes:
    """The counters and the `on_error` of one client instance.

    Args:
        on_error: called with each error; None logs it.
        debug: whether to log every accepted event.

    Attributes:
        ledger: the counters.
        counting: counts by names, if it is switched on.
    """

    def __init__(self, on_error: OnError | None, debug: bool) -> None:
        self.ledger = Ledger()
        self.counting = Counting()
        self._reporter = Reporter(on_error)
        self._debug = debug

    def recover(self) -> None:
        """Reports errors again in a thread whose report was interrupted."""
        self._reporter.recover()

    def close(self) -> None:
        """Logs how many errors were suppressed since the last line of each code."""
        self._reporter.close()

    def accepted(self, event_id: str, event: str, lost: str) -> None:
        """Logs an accepted event, and reports what of its metadata was lost."""
        if self._debug:
            # Its ids only: metadata may be about persons, and logs are kept elsewhere and longer.
            fields = msgspec.json.decode(event)
            ids = {name: fields[name] for name in _IDENTITY}
            write_log(logging.DEBUG, "accepted %s", event_id, extra=ids)
        if lost:
            self.degraded(lost, event_id)

    def degraded(self, lost: str, event_id: str) -> None:
        """Reports what of an accepted event's metadata was lost."""
        with EnoughStack():
            error = MetadataDegradedError.of("metadata.degraded", hint=lost)
            self._report(error, event_id=event_id)

    def rejected(
        self,
        error: Exception,
        workspace_id: object,
        product: object,
        metric_type: object,
        status: object,
        event_id: object,
        quantity: object = 0,
    ) -> None:
        """Counts and reports a call whose event was rejected."""
        with EnoughStack():
            names = Named(product, metric_type, status, quantity)
            known = self.count_rejected(error, 1, (names,))
            self._report(
                known,
                event_id=event_id,
                workspace_id=workspace_id,
                product=product,
                metric_type=metric_type,
                status=status,
            )

    def batch_rejected(
        self,
        error: Exception,
        index: int | None,
        count: int,
        call: Sequence[object] | None,
        names: Iterable[Named],
    ) -> None:
        """Counts a batch of so many events that was rejected, and reports it once.

        Args:
            error: that of the batch, or of its first invalid event.
            index: the place of that event.
            count: how many events it has.
            call: the arguments of that event; see `Call`.
            names: what each event counts by.
        """
        identity: dict[str, object] = {}
        if call:
            identity = dict(zip(_CALL, (*call[:3], call[4], call[7]), strict=True))
        with EnoughStack():
            known = self.count_rejected(error, count, names)
            if index is not None and count > 1:
                known = at_index(known, index, count)
                identity["index"] = index
            self._report(known, **identity)

    def count_rejected(self, error: Exception, count: int, names: Iterable[Named]) -> EkaError:
        """Counts so many events that were rejected, and returns the error of a code."""
        if not isinstance(error, EkaError):
            error = DeliveryError.of("delivery.failed", hint=f"unexpected {describe_error(error)}")
        self.ledger.reject(error.code, count)
        self.counting.reject(names)
        return error

    def failed(self, failure: Failure) -> None:
        """Counts and reports an accepted event that cannot be delivered."""
        with EnoughStack():
            self.ledger.fail()
            fields = self._report_failure(failure)
            self.counting.fail(Named(*map(fields.get, Named._fields)))

    def adopted_failed(self, failure: Failure) -> None:
        """Reports an event that cannot be delivered, which another client accepted and counts."""
        self._report_failure(failure)

    def _report_failure(self, failure: Failure) -> dict[str, Any]:
        """Reports an event that cannot be delivered, and returns its fields."""
        kind = ShutdownTimeoutError if failure.given_up else DeliveryError
        code: ErrorCode = "shutdown.timeout" if failure.given_up else "delivery.failed"
        fields: dict[str, Any] = msgspec.json.decode(failure.event)
        self._report(
            kind.of(code, hint=failure.why), **{name: fields.get(name) for name in _IDENTITY}
        )
        return fields

    def _report(self, error: EkaError, **identity: Any) -> None:
        context: ErrorContext = {
            "code": error.code,
            "reason": error.reason,
            "field": error.field,
            "topic": USAGE_TOPIC,
            **identity,  # type: ignore[typeddict-item]
        }
        self._reporter.report(error, context)

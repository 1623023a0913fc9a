"""The calls that record sessions, and the one that takes an event back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from . import _checks
from ._batch import Call, Rejection
from ._batch_encoder import BatchEncoder
from ._batches import BatchRecording
from ._describe import describe_value
from ._errors import ClientClosedError, EkaError, ValidationError, invalid
from ._fields import check_names
from ._generated.catalog import (
    DEFAULT_STATUS,
    SESSION_BOUNDARY_FIELD,
    SESSION_FIELD,
    UNIT_NANOSECONDS,
    VOID_FIELD,
    VOID_REASON_KEPT,
    VOID_REASON_KEY,
    VOID_STATUS,
)
from ._metric import Metric
from ._session import Measured, OpenSessions, Session, SessionHost
from ._text import beginning, id_text
from ._usage import Usage

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._generated.calls import EventFields
    from ._generated.calls import Usage as TypedUsage
    from ._generated.catalog import Status
    from ._values import AnyMetric, Id, MetadataLike


class SessionRecording(BatchRecording):
    """The calls whose events only the SDK makes, exempt from the rules of the metric type."""

    _monotonic: Callable[[], int]

    def void(
        self, workspace_id: Id | None, metric: AnyMetric, event_id: Id, reason: str
    ) -> str | None:
        """Takes one event back, by an event of its own. Never blocks, never raises.

        Args:
            workspace_id, metric, event_id: those of the event that does not count any more; of a
                void itself, to restore what it took back.
            reason: why, for the audit.

        Returns:
            The id of the void; None if it was rejected, which is reported to `on_error`.
        """
        try:
            if not VOID_FIELD:
                raise invalid("status.unknown", VOID_STATUS, "the catalog has no voids")
            kept = beginning(reason, VOID_REASON_KEPT)
            if kept is None:
                raise _no_reason(reason)
        except ValidationError as error:
            return self._refused(error, workspace_id, metric, VOID_STATUS, None)
        given: Any = event_id
        fields = {VOID_FIELD: "" if given is None else id_text(given)}
        metadata = {VOID_REASON_KEY: kept}
        return self._own(workspace_id, metric, VOID_STATUS, metadata, None, None, fields)

    def session_start(
        self,
        workspace_id: Id | None,
        metric: AnyMetric,
        session_id: str,
        at: datetime | str | int | None = None,
        *,
        metadata: MetadataLike | None = None,
        event_id: Id | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records that a session starts, which any process may end. Never blocks, never raises.

        Args:
            workspace_id: as for `record()`.
            metric: one of `eka_usage.metrics`, whose unit is one of time.
            session_id: the same in each boundary of the session, 1 to 128 characters.
            at: when it was, as `occurred_at` of `record()`.
            metadata, event_id, fields: as for `record()`.

        Returns:
            As for `record()`.
        """
        return self._boundary(
            "start",
            workspace_id,
            metric,
            session_id,
            at,
            DEFAULT_STATUS,
            metadata,
            event_id,
            fields,
        )

    def session_beat(
        self,
        workspace_id: Id | None,
        metric: AnyMetric,
        session_id: str,
        at: datetime | str | int | None = None,
        *,
        metadata: MetadataLike | None = None,
        event_id: Id | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records that a session goes on: never ended, it counts up to here.

        Takes and returns what `session_start()` does.
        """
        return self._boundary(
            "beat", workspace_id, metric, session_id, at, DEFAULT_STATUS, metadata, event_id, fields
        )

    def session_end(
        self,
        workspace_id: Id | None,
        metric: AnyMetric,
        session_id: str,
        at: datetime | str | int | None = None,
        *,
        status: Status = DEFAULT_STATUS,
        metadata: MetadataLike | None = None,
        event_id: Id | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records that a session ends, with the status of the whole session.

        Takes and returns what `session_start()` does.
        """
        return self._boundary(
            "end", workspace_id, metric, session_id, at, status, metadata, event_id, fields
        )

    def session(
        self,
        workspace_id: Id | None,
        metric: AnyMetric,
        *,
        status: Status = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        event_id: Id | None = None,
        **fields: Unpack[EventFields],
    ) -> Session:
        """Starts a clock, which records one event when it ends: `with client.session(…):`.

        Its quantity is the time that passes, in units of the metric type; a machine that sleeps and
        a clock that is set do not add to it. A session that never ends records nothing, which is
        reported to `on_error` at shutdown. Never blocks, never raises.

        Args:
            workspace_id: as for `record()`.
            metric: one of `eka_usage.metrics`, whose unit is one of time.
            status, unit_cost, metadata, event_id, fields: as for `record()`.

        Returns:
            The session; if the call is invalid, which is reported, one that records nothing.
        """
        if fields:
            check_names(fields)
        try:
            product, metric_type, unit = _unit(metric)
            reason = self._current().outbox.gate.reject_reason()
            if isinstance(reason, ClientClosedError):
                raise reason
        except EkaError as error:
            self._refused(error, workspace_id, metric, status, event_id)
            return Session(self._open_sessions, None)

        def record(measured: Measured) -> str | None:
            return self._record(
                workspace_id,
                product,
                metric_type,
                measured.quantity,
                status if measured.status is None else measured.status,
                unit_cost,
                metadata,
                event_id=event_id,
                occurred_at=measured.occurred_at,
                **fields,
            )

        clock = self._current().encoder.clock or time.time_ns
        identity = (self._workspace_of(workspace_id), product, metric_type)
        return Session(
            self._open_sessions, SessionHost(clock, self._monotonic, unit, identity, record)
        )

    def _workspace_of(self, given: Any) -> Any:
        """Returns the workspace of a call."""
        return given

    @property
    def _open_sessions(self) -> OpenSessions:
        return self._current().sessions

    def _boundary(
        self,
        boundary: str,
        workspace_id: Any,
        metric: Any,
        session_id: Any,
        at: Any,
        status: Any,
        metadata: Any,
        event_id: Any,
        fields: Any,
    ) -> str | None:
        if fields:
            check_names(fields)
        try:
            _check_boundary(boundary, metric, status)
        except ValidationError as error:
            return self._refused(error, workspace_id, metric, status, event_id)
        known = "" if session_id is None else id_text(session_id)
        more = {**fields, SESSION_FIELD: known, SESSION_BOUNDARY_FIELD: boundary}
        return self._own(workspace_id, metric, status, metadata, event_id, at, more)

    def _boundary_usage(
        self,
        boundary: str,
        workspace_id: Any,
        metric: Any,
        session_id: str | None,
        at: Any,
        metadata: Any,
        fields: dict[str, Any],
    ) -> TypedUsage:
        """Returns a boundary as an event of a batch, for `_try_record_many()`.

        Without a session's id, the store pairs starts and ends in their order.

        Raises:
            ValidationError: there are no sessions, or none of this metric type.
        """
        _check_boundary(boundary, metric, DEFAULT_STATUS)
        more = {**fields, SESSION_BOUNDARY_FIELD: boundary}
        if session_id is not None:
            more[SESSION_FIELD] = session_id
        usage = Usage.__new__(Usage)  # which refuses fields that only the SDK sets
        usage.arguments = _call(workspace_id, metric, DEFAULT_STATUS, metadata, None, at, more)
        return cast("TypedUsage", usage)

    def _own(
        self,
        workspace_id: Any,
        metric: Any,
        status: Any,
        metadata: Any,
        event_id: Any,
        occurred_at: Any,
        fields: Any,
    ) -> str | None:
        """Records an event that only the SDK makes, of quantity 0."""
        try:
            call = _call(workspace_id, metric, status, metadata, event_id, occurred_at, fields)
        except ValidationError as error:
            return self._refused(error, workspace_id, metric, status, event_id)
        found = self._accept([call], encoder_of=_exempt)
        if isinstance(found, Rejection):
            return self._refused(found.error, workspace_id, metric, status, event_id)
        return found[0]

    def _refused(
        self, error: Exception, workspace_id: Any, metric: Any, status: Any, event_id: Any
    ) -> str | None:
        """Reports a rejected call, and returns what it returns."""
        self._outcomes.rejected(error, workspace_id, *_names(metric), status, event_id)
        return None


def _names(metric: Any) -> tuple[Any, Any]:
    """Returns what a metric is named in an error: its names, or whatever was given for it."""
    is_metric = issubclass(type(metric), Metric)  # isinstance() calls methods of the host's
    return (metric.product, metric.metric_type) if is_metric else (metric, metric)


def _check_boundary(boundary: str, metric: object, status: Any) -> None:
    """Checks what the encoder does not.

    Raises:
        ValidationError: there are no sessions, or none of this metric type.
    """
    if not SESSION_FIELD:
        raise invalid("session.invalid", boundary, "the catalog has no sessions")
    _unit(metric)
    _checks.status(status)


def _call(
    workspace_id: Any,
    metric: Any,
    status: Any,
    metadata: Any,
    event_id: Any,
    occurred_at: Any,
    fields: Any,
) -> Call:
    """Returns the call of an event that only the SDK makes, of quantity 0.

    Raises:
        ValidationError: the metric is no constant.
    """
    names = _checks.metric_names(metric)
    return (workspace_id, *names, 0, status, None, metadata, event_id, occurred_at, fields)


def _exempt(encoder: BatchEncoder) -> BatchEncoder:
    return encoder.exempt


def _unit(metric: object) -> tuple[str, str, int]:
    """Returns the names of a metric type, and how many nanoseconds its unit has.

    Raises:
        ValidationError: it is unknown, or its unit is not one of time.
    """
    product, metric_type = names = _checks.metric_names(metric)
    known = _checks.metric_type(metric_type, _checks.product(product, metric_type))
    nanoseconds = UNIT_NANOSECONDS.get(names)
    if nanoseconds is None:
        hint = f"its unit, {known.unit or None}, is not one of time that a session can measure"
        given = describe_value(metric_type)
        raise ValidationError.of("session.invalid", given=given, hint=hint)
    return product, metric_type, nanoseconds


def _no_reason(reason: object) -> ValidationError:
    hint = "a non-blank reason"
    error = ValidationError.of(
        "metadata.required", parameter=VOID_REASON_KEY, given=describe_value(reason), hint=hint
    )
    error.field = VOID_REASON_KEY
    return error

"""The calls that record: checked, numbered and encoded in the caller's thread, then put out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from . import _checks, _shutdown_hooks
from ._admission import Admission, NotStoredError
from ._describe import describe_value, suggest
from ._errors import ValidationError
from ._fields import PER_CALL, check_names, split
from ._generated.catalog import DEFAULT_LOG_LEVEL, DEFAULT_STATUS, LOG_LEVELS, LOG_STATUS
from ._generated.limits import QUANTITY_DEFAULT
from ._instance import Instance
from ._interrupts import is_interruption, is_nested, release_lock
from ._metadata import log_metadata
from ._metric import Metric
from ._stack import EnoughStack
from ._text import LONGEST, id_text
from ._transports import callbacks

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._generated.calls import EventFields, Log, Record, RecordMetric
    from ._generated.catalog import Status
    from ._values import Id, MetadataLike

_OPEN = Admission.OPEN
_mark = _shutdown_hooks.mark


def called(name: str, method: Callable[..., str | None]) -> Callable[..., str | None]:
    """Returns the method under the name that errors and help() show."""
    method.__name__, method.__qualname__ = name, f"EkaClient.{name}"
    return method


class Recording:
    """The calls of a client that record; `EkaClient` adds its life.

    A subclass calls `_become()` before the first of them.
    """

    # Whether an accepted event is logged, counted, or any of them.
    _debug: bool
    _is_counting = False
    _is_watching: bool

    def _become(self, instance: Instance) -> None:
        """Records by this instance from now on."""
        self._process = _shutdown_hooks.process()
        self._instance = instance
        self._outbox = instance.outbox
        # What every record() needs, without a second lookup.
        self._gate = instance.outbox.gate
        self._encode = instance.encoder.encode
        self._outcomes = instance.outcomes

    def _record(  # noqa: C901, PLR0912  each function that it called would need a level of the stack
        self,
        workspace_id: Any,
        product: str,
        metric_type: str,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: str = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | int | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one usage event. Never blocks, never raises.

        Args:
            workspace_id: the workspace that is billed, 1 to 256 characters; or an integer or UUID.
            product: one of `PRODUCTS`.
            metric_type: one of `METRIC_TYPES[product]`.
            quantity: in the unit of the metric type; int, float, Decimal or numpy number.
            status: one of `STATUSES`.
            unit_cost: the cost of one unit, if known.
            metadata: further details, as a mapping, a dataclass or a pydantic model; a value that
                JSON cannot represent becomes a string, and more than 32 KiB is cut.
            event_id: an idempotency key, a string, integer or UUID: two events with the same id
                count once.
            occurred_at: when it happened, an aware datetime or an RFC 3339 string; now by default.
            fields: what else is known, such as `vendor` or `run_id`; see `docs/event.schema.json`.

        Returns:
            The event's id; None if the event was rejected, which is reported to `on_error`.
        """
        if fields:
            check_names(fields)
        numbers: list[int] = []
        accepted_id = event = own = None
        try:
            if not _mark[0]:
                _shutdown_hooks.enter_process()
            gate = self._gate  # another thread may open it at any moment
            if gate.admission is not _OPEN and (reason := gate.reject_reason()) is not None:
                self._outcomes.rejected(
                    reason, workspace_id, product, metric_type, status, event_id, quantity
                )
                return None
            encode: Callable[..., Any] = self._encode  # CPython specializes a call of a local
            if type(workspace_id) is not str or len(workspace_id) > LONGEST:
                workspace_id = id_text(workspace_id)
                if type(workspace_id) is not str:  # even its hash may take time
                    encode = self._instance.encoder.reject
            try:
                if fields and not PER_CALL.isdisjoint(fields):
                    own, fields = split(fields)
                    encode = self._instance.encoder.of(own).encode
                accepted_id, event, lost, count = encode(
                    numbers,
                    workspace_id,
                    product,
                    metric_type,
                    quantity,
                    status,
                    unit_cost,
                    metadata,
                    event_id,
                    occurred_at,
                    fields,
                )
            except Exception as error:
                if is_interruption(error):
                    raise
                self._outcomes.rejected(
                    error, workspace_id, product, metric_type, status, event_id, quantity
                )
                return None
            try:
                self._outbox.put(numbers, workspace_id, event)
            except NotStoredError:
                event = None  # so that an interruption from here on does not put it again
                self._instance.encoder.give_back(numbers)
                self._outcomes.rejected(
                    gate.full(), workspace_id, product, metric_type, status, event_id, quantity
                )
                return None
            if lost or self._is_watching:
                if self._is_counting:
                    count(quantity)
                if lost or self._debug:
                    self._outcomes.accepted(accepted_id, event, lost)
        except RecursionError:
            with EnoughStack():
                self._recover(numbers, workspace_id, event)
                if event is None:
                    return self._record(
                        workspace_id,
                        product,
                        metric_type,
                        quantity,
                        status,
                        unit_cost,
                        metadata,
                        event_id=event_id,
                        occurred_at=occurred_at,
                        **cast("EventFields", {**(own or {}), **fields}),
                    )
        except BaseException:
            self._recover(numbers, workspace_id, event)
            raise
        return accepted_id

    # Type checkers see the generated overloads; at run time it is the plain method.
    record = cast("Record[Id]", called("record", _record))

    def _record_metric(
        self,
        workspace_id: Id,
        metric: Metric,
        quantity: float | Decimal = QUANTITY_DEFAULT,
        status: Status = DEFAULT_STATUS,
        unit_cost: float | Decimal | None = None,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | int | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one usage event by a constant of `eka_usage.metrics`; see `record()`."""
        try:
            product, metric_type = _checks.metric_names(metric)
        except ValidationError as fault:
            self._outcomes.rejected(fault, workspace_id, metric, metric, status, event_id, quantity)
            return None
        return self._record(
            workspace_id,
            product,
            metric_type,
            quantity,
            status,
            unit_cost,
            metadata,
            event_id=event_id,
            occurred_at=occurred_at,
            **fields,
        )

    record_metric = cast("RecordMetric[Id]", called("record_metric", _record_metric))

    def _log(
        self,
        workspace_id: Id,
        product: str,
        metric_type: str,
        message: str,
        level: str = DEFAULT_LOG_LEVEL,
        metadata: MetadataLike | None = None,
        *,
        event_id: Id | None = None,
        occurred_at: datetime | str | int | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Records one failure: an event of status `LOG_STATUS` with the message in its metadata.

        Args:
            workspace_id, product, metric_type: as for `record()`.
            message: what happened; metadata key `message`.
            level: one of `LOG_LEVELS`; metadata key `level`.
            metadata: further details.
            event_id, occurred_at, fields: as for `record()`.

        Returns:
            As for `record()`.
        """
        known = _checks.log_level(level)
        details = log_metadata(metadata, known or DEFAULT_LOG_LEVEL, message)
        accepted_id = self._record(
            workspace_id,
            product,
            metric_type,
            status=LOG_STATUS,
            metadata=details,
            event_id=event_id,
            occurred_at=occurred_at,
            **fields,
        )
        if known is None and accepted_id is not None:
            self._outcomes.degraded(
                f"level {describe_value(level)}: {suggest(level, LOG_LEVELS)}", accepted_id
            )
        return accepted_id

    log = cast("Log[Id]", called("log", _log))

    def _current(self) -> Instance:
        """Returns the instance of this process, which may be a copy of another."""
        if not _mark[0]:
            _shutdown_hooks.enter_process()
        return self._instance

    def _recover(self, numbers: list[int], workspace_id: str, event: str | None) -> None:
        """Makes the client usable after an exception of the host's, at whatever instruction.

        Nothing interrupts this, as such exceptions come one at a time.
        """
        if not is_nested():
            release_lock()
            callbacks.recover()
            self._outcomes.recover()
        if event is None and numbers:
            self._instance.encoder.give_back(numbers)
        self._outbox.recover(numbers, workspace_id, event)

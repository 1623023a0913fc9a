"""The calls that record several events: all of them are accepted, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _checks, _shutdown_hooks
from ._admission import Admission, NotStoredError
from ._batch import Batch, Call, Rejection
from ._batch_encoder import BatchEncoder
from ._counting import UNNAMED, Named
from ._describe import describe_value
from ._errors import ConfigError, EkaError, ValidationError, invalid
from ._fields import PER_CALL, check_names
from ._generated.catalog import (
    BATCH_COST_FIELD,
    BATCH_MAX_BYTES,
    BATCH_MAX_EVENTS,
    DEFAULT_STATUS,
    SESSION_BOUNDARY_FIELD,
)
from ._interrupts import SuppressErrors, is_interruption
from ._metadata import NOTHING
from ._number import exact
from ._recording import Recording
from ._stack import EnoughStack
from ._text import LONGEST, id_text
from ._usage import Usage

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._generated.calls import EventFields
    from ._generated.calls import Usage as TypedUsage
    from ._generated.catalog import Status
    from ._values import Amount, Id, MetadataLike

_OPEN = Admission.OPEN
# What makes another encoder of that which a call is given.
_ENCODED_APART = frozenset({*PER_CALL, SESSION_BOUNDARY_FIELD})
_mark = _shutdown_hooks.mark


class BatchRecording(Recording):
    """The calls that record several events at once."""

    def record_many(self, events: Sequence[TypedUsage]) -> list[str] | None:
        """Records 1 to `BATCH_MAX_EVENTS` events: all of them, or none. Never blocks, never raises.

        Args:
            events: values of `Usage`, which take the arguments of `record()`.

        Returns:
            The ids in the order of the events; None if the batch was rejected, which is reported
            to `on_error` once, with the index of the first invalid event.
        """
        given = _events(events)
        return self._reported(self._accept(given.calls, given.fault), given)

    def record_amounts(
        self,
        workspace_id: Id | None,
        amounts: Sequence[Amount],
        *,
        event_id: Id,
        status: Status = DEFAULT_STATUS,
        metadata: MetadataLike | None = None,
        occurred_at: datetime | str | int | None = None,
        **fields: Unpack[EventFields],
    ) -> list[str] | None:
        """Records several amounts of one piece of work: all of them, or none.

        Each is an event of its own with the same id, which counts once per metric however often
        the call is repeated. An amount of zero makes no event. Never blocks, never raises.

        Args:
            workspace_id: as for `record()`.
            amounts: constants of `eka_usage.metrics`, each with its quantity and, if it is known,
                its cost. A metric may come once. There are at most `BATCH_MAX_EVENTS`, of which
                those of zero are a part.
            event_id: the idempotency key of the piece of work.
            status, metadata, occurred_at, fields: as for `record()`, of each event.

        Returns:
            As for `record_many()`; an empty list if every amount is zero.
        """
        if fields:
            check_names(fields)
        shared = (status, None, metadata, event_id, occurred_at)
        given = _amounts(workspace_id, amounts, shared, dict(fields))
        if not given.calls and given.fault is None:
            return []
        return self._reported(self._accept(given.calls, given.fault), given)

    def new_event_id(self) -> str:
        """Returns a new event id, for events that refer to each other by their ids."""
        return self._current().encoder.new_event_id()

    def _try_record(  # noqa: C901  as of _record()
        self, usage: TypedUsage, own: Mapping[str, str] = NOTHING
    ) -> str | EkaError:
        """Records one event, and returns its id, or the error that `on_error` would receive.

        Args:
            usage: the event.
            own: as for `_try_record_many()`.
        """
        call = cast("Usage", usage).arguments
        key, fields = call[0], call[-1]
        if type(key) is not str or len(key) > LONGEST or not _ENCODED_APART.isdisjoint(fields):
            found = self._try_record_many([usage], own)
            return found if isinstance(found, EkaError) else found[0]
        # From here on as _record(), which takes half the time of a batch of one.
        numbers: list[int] = []
        accepted_id, event = "", None
        try:
            if not _mark[0]:
                _shutdown_hooks.enter_process()
            gate = self._gate
            if gate.admission is not _OPEN and (reason := gate.reject_reason()) is not None:
                return self._outcomes.count_rejected(reason, 1, [_names_of_usage(usage)])
            try:
                encoder = self._instance.encoder.of(own)
                accepted_id, event, lost, count = encoder.encode(numbers, *call)
            except Exception as error:
                if is_interruption(error):
                    raise
                return self._outcomes.count_rejected(error, 1, [_names_of_usage(usage)])
            try:
                self._outbox.put(numbers, key, event)
            except NotStoredError:
                event = None  # so that an interruption from here on does not put it again
                self._instance.encoder.give_back(numbers)
                return self._outcomes.count_rejected(gate.full(), 1, [_names_of_usage(usage)])
            if lost or self._is_watching:
                if self._is_counting:
                    count(call[3])
                if lost or self._debug:
                    self._outcomes.accepted(accepted_id, event, lost)
        except RecursionError:
            with EnoughStack():
                self._recover(numbers, key, event)
                if event is None:
                    return self._try_record(usage, own)
        except BaseException:
            self._recover(numbers, key, event)
            raise
        return accepted_id

    def _try_record_many(
        self, events: Sequence[TypedUsage], own: Mapping[str, str] = NOTHING
    ) -> list[str] | EkaError:
        """Records a batch, and returns its ids, or the error that `on_error` would receive.

        Args:
            events: as for `record_many()`.
            own: what all of them set in place of the client, which takes less time than each alone.
        """
        given = _events(events)
        accepted = self._accept(given.calls, given.fault, lambda encoder: encoder.of(own))
        if isinstance(accepted, Rejection):
            return self._outcomes.count_rejected(accepted.error, given.total, given.names)
        return accepted

    def _reported(self, found: list[str] | Rejection, given: _Given) -> list[str] | None:
        """Reports a rejected batch."""
        if not isinstance(found, Rejection):
            return found
        place = None if found.place is None else given.places[found.place]
        self._outcomes.batch_rejected(found.error, place, given.total, found.call, given.names)
        return None

    def _accept(
        self,
        calls: Sequence[Call],
        fault: Rejection | None = None,
        encoder_of: Callable[[BatchEncoder], BatchEncoder] = lambda encoder: encoder,
    ) -> list[str] | Rejection:
        """Accepts the events of all calls, or says why it accepts none.

        Args:
            calls: the arguments of each.
            fault: what is wrong with them already: with the batch, or with the call after these.
            encoder_of: returns what encodes them, from the encoder of this process.
        """
        batch = Batch(is_counted=self._is_counting)
        try:
            rejection = self._take(batch, calls, fault, encoder_of)
            if rejection is not None:
                return rejection
            if batch.counts:
                for count, call in zip(batch.counts, calls, strict=True):
                    count(call[3])
            if self._debug or batch.lost:
                for place, event_id in enumerate(batch.ids):
                    lost = batch.lost.get(place, "")
                    self._outcomes.accepted(event_id, batch.events[place], lost)
        except RecursionError:
            with EnoughStack():
                self._recover_batch(batch)
                if not batch.taken:
                    return self._accept(calls, fault, encoder_of)
        except BaseException:
            self._recover_batch(batch)
            raise
        return batch.ids

    def _take(
        self,
        batch: Batch,
        calls: Sequence[Call],
        fault: Rejection | None,
        encoder_of: Callable[[BatchEncoder], BatchEncoder],
    ) -> Rejection | None:
        """Encodes, numbers and puts out a batch, or returns why not."""
        if not _mark[0]:
            _shutdown_hooks.enter_process()
        gate = self._gate
        reason = None if gate.admission is _OPEN else gate.reject_reason()
        if reason is not None:
            return Rejection(reason)
        try:
            encoder = encoder_of(self._instance.encoder)
        except ConfigError as error:
            return Rejection(error)
        rejection = encoder.encode_many(batch, calls) or fault
        if rejection is not None:
            return rejection
        reason = _too_large(batch) or self._outbox.reserve(batch)
        if reason is not None:
            return Rejection(reason)
        encoder.number(batch, calls)
        try:
            self._outbox.put_many(batch)
        except NotStoredError:
            encoder.give_back_all(batch.numbers)
            return Rejection(gate.full())
        return None

    def _recover_batch(self, batch: Batch) -> None:
        """Makes the client usable after an exception of the host's; see `_recover`."""
        self._recover([], "", None)
        if not batch.is_numbered:
            self._instance.encoder.give_back_all(batch.numbers)
        self._outbox.recover_many(batch)


def _too_large(batch: Batch) -> EkaError | None:
    if batch.most_size <= BATCH_MAX_BYTES or (size := batch.size) <= BATCH_MAX_BYTES:
        return None
    hint = f"its events have {size} bytes, and one call records at most {BATCH_MAX_BYTES}"
    return _invalid("events", hint)


class _Given(NamedTuple):
    """What a caller gave as the events of one batch.

    Attributes:
        calls: the arguments of each event, up to the first that is invalid.
        places: the place of each among what was given, and then that of the invalid one.
        total: how many were given.
        fault: what is wrong with the batch, or with the event after these calls.
        names: what a rejection counts by, of everything that was given.
    """

    calls: list[Call]
    places: Sequence[int]
    total: int
    fault: Rejection | None
    names: Iterable[Named]


def _events(given: Any) -> _Given:
    """Returns the calls of values of `Usage`."""
    events, fault = _listed("events", 1, given, "Usage(…)")
    calls: list[Call] = []
    for usage in () if fault else events:
        if not issubclass(type(usage), Usage):
            hint = f"expected a Usage(…), got {describe_value(usage)}"
            fault = Rejection(_invalid("events", hint), len(calls))
            break
        calls.append(usage.arguments)
    names = map(_names_of_usage, events)
    return _Given(calls, range(len(events)), len(events), fault, names)


def _names_of_usage(usage: Any) -> Named:
    if not issubclass(type(usage), Usage):  # isinstance() calls methods of the host's
        return UNNAMED
    _, product, metric_type, quantity, status, *_ = usage.arguments
    return Named(product, metric_type, status, quantity)


def _amounts(workspace_id: object, given: Any, shared: Call, fields: dict[str, Any]) -> _Given:
    """Returns the calls of amounts, of which one of zero makes none."""
    amounts, fault = _listed("amounts", 0, given, "(metric, quantity)")
    calls: list[Call] = []
    places: list[int] = []
    fault = fault or _id_fault(shared[3])
    known: set[object] = set()
    for place, amount in enumerate(() if fault else amounts):
        try:
            call = _amount(workspace_id, amount, known, shared, fields)
        except Exception as error:
            if is_interruption(error):
                raise
            identity = (workspace_id, None, None, None, *shared)
            fault = Rejection(_of_amount(error, amount), len(calls), identity)
            places.append(place)
            break
        if call is not None:
            calls.append(call)
            places.append(place)
    names = map(partial(_names_of_amount, shared[0]), amounts)
    return _Given(calls, places, len(amounts), fault, names)


def _names_of_amount(status: object, amount: Any) -> Named:
    with SuppressErrors():
        metric, quantity, *_ = islice(amount, 3)
        return Named(*_checks.metric_names(metric), status, quantity)
    return UNNAMED._replace(status=status)


def _amount(
    workspace_id: object, amount: Any, known: set[object], shared: Call, fields: dict[str, Any]
) -> Call | None:
    """Returns the call of one amount, whose metric joins those of the batch; None for zero."""
    metric, quantity, *cost = islice(amount, 3)  # it may never end
    product, metric_type = _checks.metric_names(metric)
    if metric in known:
        raise _invalid("amounts", f"{product}.{metric_type} is there twice")
    known.add(metric)
    if cost and cost[0] is not None:
        if not BATCH_COST_FIELD:
            raise _invalid("amounts", "the catalog has no field for their cost")
        fields = {**fields, BATCH_COST_FIELD: cost[0]}
    if exact(quantity) == 0:
        return None
    return (workspace_id, product, metric_type, quantity, *shared, fields)


def _of_amount(error: Exception, amount: object) -> ValidationError:
    """Returns the error of an amount that cannot be read."""
    if isinstance(error, ValidationError):
        return error
    return _invalid("amounts", f"expected (metric, quantity), got {describe_value(amount)}")


def _listed(
    parameter: str, least: int, given: Any, kind: str
) -> tuple[Sequence[Any], Rejection | None]:
    """Returns what was given as a list, and what is wrong with it."""
    try:
        # It may never end, whatever length it claims to have.
        most = len(given) if hasattr(given, "__len__") else 0
        listed: list[Any] = list(islice(given, max(most, BATCH_MAX_EVENTS + 1)))
    except Exception as error:
        if is_interruption(error):
            raise
        hint = f"expected a list of {kind}, got {describe_value(given)}"
        return (), Rejection(_invalid(parameter, hint))
    if not least <= len(listed) <= BATCH_MAX_EVENTS:
        hint = f"expected {least} to {BATCH_MAX_EVENTS}, got {len(listed)}"
        return listed, Rejection(_invalid(parameter, hint))
    return listed, None


def _id_fault(event_id: object) -> Rejection | None:
    if event_id is None:
        return Rejection(invalid("event_id.invalid", None))
    try:
        _checks.event_id(id_text(event_id))
    except ValidationError as error:
        return Rejection(error)
    return None


def _invalid(parameter: str, hint: str) -> ValidationError:
    return ValidationError.of("batch.invalid", parameter=parameter, hint=hint)

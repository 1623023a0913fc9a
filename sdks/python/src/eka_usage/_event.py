"""Encodes one call of `record()` as the JSON of one event.

The hot path is one table lookup: a hit on (product, metric type, status) is the validation, and
yields the constant parts of such an event, already encoded. If anything fails, the arguments are
checked one by one, to name the first invalid one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import islice, repeat
from typing import Any, NoReturn, cast

from . import _checks, _number
from ._before_send import MetadataFilter, filtered
from ._clock import format_time
from ._count import Count
from ._counting import Counting, CountOne
from ._fields import check_field_rules, encode_client_fields, encode_fields, is_billed
from ._generated.catalog import BILLABLE, CATALOG_VERSION, SDK_VERSION, VOID_STATUS
from ._generated.encoder import encode_constants, encode_event
from ._generated.limits import METADATA_DEFAULT, QUANTITY_MAXIMUM, QUANTITY_MINIMUM
from ._generated.metrics import METRICS
from ._ids import EventIds
from ._interrupts import is_interruption
from ._json_text import escape, escape_json
from ._metadata import metadata_text
from ._metric import Metric
from ._text import LONGEST, id_text, name_texts
from ._trace import ActiveSpan, with_span
from ._undeclared import UndeclaredName, undeclared_fault, undeclared_metric

# Unlike __class__, it cannot be overridden.
_type_of: Callable[[Any], Any] = type
NO_METADATA = escape_json(METADATA_DEFAULT)
# Ends the key of a combination that the catalog lacks, of which there may be any number.
_UNDECLARED = "undeclared event type"
_MOST_UNDECLARED = 10_000


class EventEncoder:
    """Checks, numbers and encodes the events of one client instance.

    Args:
        service_name: part of every event.
        hostname: part of every event.
        clock: returns nanoseconds since 1970; None for `time.time_ns`, looked up at each call, as
            tests replace it.
        new_id: returns a new event or instance id; None for UUIDv7.
        client_fields: the client's fields that an event may lack, by name; None is not given.
        before_send: the caller's filter of metadata, if there is one.
        active_span: finds the span whose ids metadata has, if it has any.
        counting: what counts the events.

    Attributes:
        clock: returns nanoseconds since 1970, if it is not `time.time_ns`.
    """

    # Whether the rules of metric types do not apply, as to what only the SDK records.
    _is_exempt = False

    def __init__(
        self,
        service_name: str,
        hostname: str,
        clock: Callable[[], int] | None,
        new_id: Callable[[], str] | None,
        client_fields: Mapping[str, str | None],
        before_send: MetadataFilter | None = None,
        active_span: ActiveSpan | None = None,
        *,
        counting: Counting,
    ) -> None:
        self._before_send = before_send
        self._active_span = active_span
        self.clock = clock
        self._new_id = new_id
        self._count = Count()
        self._numbers = self._count.numbers
        # Numbers that interrupted calls took and did not use.
        self._unused: list[int] = []
        # Filled by the first event, so that copies of an idle process have nothing in common.
        self._minted: dict[str, str] = {}
        self._combinations = Combinations(
            service_name,
            hostname,
            lambda: self.instance_id,
            client_fields,
            before_send is None and active_span is None,
            counting,
        )
        self._workspaces = _Workspaces()
        # By the identity of the names, most of which are literals: it proves that they are valid,
        # and takes less time than to check their types and lengths, and to hash them.
        self._last: _Combination = NONE
        self._literals: dict[int, _Combination] = {}
        self._instant = (0, "", "")

    @property
    def instance_id(self) -> str:
        """The id of this instance."""
        return self._minted.get("instance_id") or self._minted.setdefault(
            "instance_id",
            self._new_id() if self._new_id else EventIds().mint(self._now(), 0),
        )

    @cached_property
    def _ids(self) -> EventIds:
        # Threads that both come first may use two of these: numbers keep their ids apart anyway.
        return EventIds()

    def encode(  # noqa: C901, PLR0912  a call of a function takes longer than a branch
        self,
        numbers: list[int],
        workspace_id: Any,
        product: Any,
        metric_type: Any,
        quantity: Any,
        status: Any,
        unit_cost: Any,
        metadata: Any,
        event_id: Any,
        occurred_at: Any,
        fields: Mapping[str, Any],
    ) -> tuple[str, str, str, CountOne]:
        """Returns the event's id, its JSON, what was lost of its metadata, and what counts it.

        The event has a number; an invalid one takes none.

        Args:
            numbers: receives the event's number in the instruction that takes it, so that the
                caller can give it back if this call is interrupted.
            fields: those that an event may lack, by name; the rest as for `record()`.

        Raises:
            ValidationError: the first invalid argument, in the order of the arguments.
        """
        try:
            known = self._last
            if metric_type is not known[1] or product is not known[0] or status is not known[2]:
                known = self._literals.get(id(metric_type), known)
                if metric_type is not known[1] or product is not known[0] or status is not known[2]:
                    known = self._find(product, metric_type, status)
                self._last = known
            _, _, _, plain, metric, constants, count = known
            workspace = self._workspaces[workspace_id]
            kind = _type_of(quantity)
            if (
                plain
                and (kind is int or kind is float)
                and QUANTITY_MINIMUM <= quantity <= QUANTITY_MAXIMUM
            ):
                amount = "1" if quantity == 1 else _number.text(quantity)
            else:
                amount = _checks.quantity(quantity, metric.quantity)
            cost = "null" if unit_cost is None else _checks.unit_cost(unit_cost)
            if plain and metadata is None:
                details, lost = NO_METADATA, ""
            elif plain and metadata.__class__ is dict:
                details, lost = metadata_text(metadata)
            else:
                details, lost = self._metadata(metadata, metric)
                check_field_rules(metric, fields)
            own_id = event_id
            if own_id is None and self._new_id is not None:
                own_id = self._new_id()
            if own_id is not None and type(own_id) is not str:
                own_id = id_text(own_id)
            key = "" if own_id is None else _checks.event_id(own_id)
            now = (self.clock or time.time_ns)() // 1_000_000
            instant = self._instant
            if instant[0] != now:
                instant = self._instant = (now, format_time(now), self._ids.prefix(now))
            _, ts, prefix = instant
            occurred = ts if occurred_at is None else _checks.occurred_at(occurred_at, now)
            more = _encoded(fields, unit_cost, now) if fields else ""
        except Exception as error:
            if not is_interruption(error):
                self._check(
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
            raise
        if self._unused:
            self._reuse(numbers)
        else:
            numbers.extend(islice(self._numbers, 1))
        seq = numbers[0]
        if own_id is None:
            ids = self._ids
            own_id = key = f"{prefix}{ids.start + seq % ids.span}"
        event = encode_event(constants, key, details, occurred, amount, seq, ts, cost, workspace)
        return own_id, f"{event[:-1]}{more}}}" if more else event, lost, count

    def _metadata(self, value: object, metric: Metric) -> tuple[str, str]:
        value, added = with_span(value, self._active_span)
        value, dropped = filtered(value, self._before_send)
        keys = () if dropped else metric.metadata  # it may be what the metric type requires
        metadata, wrong = _checks.metadata(value, keys, metric.pii)
        kept = tuple(k.name for k in keys if k.required)
        text, lost = metadata_text(metadata, kept, metric.pii, added)
        return text, "; ".join(filter(None, (dropped, wrong, lost)))

    def reject(self, _: list[int], *arguments: Any) -> NoReturn:
        """Rejects a call whose workspace id is of no type of ids; the arguments are `encode`'s."""
        self._check(*arguments)
        raise TypeError

    def _find(self, product: Any, metric_type: Any, status: Any) -> _Combination:
        """Returns the combination of these names.

        Raises:
            TypeError: a name is not a string.
            KeyError: the catalog lacks a name.
        """
        if (
            type(product) is type(metric_type) is type(status) is str
            and len(product) + len(metric_type) + len(status) <= LONGEST
        ):
            known = self._combinations[product, metric_type, status]
            if metric_type is known[1]:
                self._literals[id(metric_type)] = known
            return known
        names = name_texts(product, metric_type, status)
        if type(metric_type) is UndeclaredName:
            return self._combinations[(*names, _UNDECLARED)]
        return self._combinations[names]

    def _now(self) -> int:
        return (self.clock or time.time_ns)() // 1_000_000

    def give_back(self, numbers: list[int]) -> None:
        """Gives a number to the next event, as its own was interrupted or could not be stored.

        Args:
            numbers: it is moved from here by one call, so that an interruption neither loses it nor
                gives it back twice.
        """
        if numbers:
            self._unused.extend(islice(map(list[int].pop, repeat(numbers)), 1))

    def _reuse(self, numbers: list[int]) -> None:
        try:
            # One call takes and stores it. Another thread may take the last one before.
            numbers.extend(islice(map(list[int].pop, repeat(self._unused)), 1))
        except IndexError:
            numbers.extend(islice(self._numbers, 1))

    def _check(
        self,
        workspace_id: Any,
        product: Any,
        metric_type: Any,
        quantity: Any,
        status: Any,
        unit_cost: Any,
        metadata: Any,
        event_id: Any,
        occurred_at: Any,
        fields: Mapping[str, Any],
    ) -> None:
        """Checks the arguments one by one.

        Raises:
            ValidationError: the first invalid argument, in the order of the arguments.
        """
        _checks.workspace_id(workspace_id)
        _checks.product(product, metric_type)
        metric = _checks.metric_type(metric_type, product)
        if self._is_exempt:
            metric = metric._replace(quantity=None, metadata=(), fields=())
        if not self._is_exempt or status != VOID_STATUS:
            _checks.status(status)
        _checks.quantity(quantity, metric.quantity)
        _checks.unit_cost(unit_cost)
        _checks.metadata(metadata, metric.metadata, metric.pii)
        if event_id is not None:
            _checks.event_id(id_text(event_id))
        if occurred_at is not None:
            _checks.occurred_at(occurred_at, self._now())
        _encoded(fields, unit_cost, self._now())
        check_field_rules(metric, fields)


def _encoded(fields: Mapping[str, Any], unit_cost: object, now: int) -> str:
    # The only argument beside the fields that a field may exclude.
    return encode_fields(fields, () if unit_cost is None else ("unit_cost",), now)


# Product, metric type, status; whether the metric type has no rules of its own; the metric type;
# its events' constant parts; and what counts one of them by its quantity.
_Combination = tuple[str, str, str, bool, Metric, tuple[str, ...], CountOne]
NONE = cast("_Combination", (*(object(),) * 3, False, None, (), None))


class Combinations(dict[tuple[str, ...], _Combination]):
    """The combinations of product, metric type and status, made when first recorded."""

    _is_exempt = False

    def __init__(
        self,
        service_name: str,
        hostname: str,
        instance_id: Callable[[], str],
        client_fields: Mapping[str, str | None],
        is_plain: bool,
        counting: Counting,
    ) -> None:
        super().__init__()
        self._counting = counting
        self._is_plain = is_plain
        self._client_fields = client_fields
        self._instance_id = instance_id
        self._is_billed = is_billed(client_fields)
        self._client = {
            "service_name": escape(service_name),
            "sdk_language": "python",
            "sdk_version": SDK_VERSION,
            "hostname": escape(hostname),
            "catalog_version": CATALOG_VERSION,
            "more": encode_client_fields(client_fields),
        }

    def of(self, own: Mapping[str, str]) -> Combinations:
        """Returns the same with values that a call sets in place of the client."""
        fields = {**self._client_fields, **own}
        client = {name: escape(own[name]) for name in self._client.keys() & own.keys()}
        client["more"] = encode_client_fields(fields)
        other = Combinations.__new__(Combinations)
        vars(other).update(
            vars(self), _client={**self._client, **client}, _is_billed=is_billed(fields)
        )
        return other

    def exempt(self) -> Combinations:
        """Returns the same of events that no rule of a metric type applies to."""
        other = Combinations.__new__(Combinations)
        vars(other).update(vars(self), _is_exempt=True)
        return other

    def __missing__(self, key: tuple[str, ...]) -> _Combination:
        # The objects that literals in the caller's code are too.
        product, metric_type, status = map(sys.intern, key[:3])
        is_declared = key[-1] is not _UNDECLARED
        if is_declared:
            metric = METRICS[product, metric_type]
        elif undeclared_fault(product, metric_type):
            raise KeyError
        else:
            metric = undeclared_metric(product, metric_type)
        if self._is_exempt:
            metric = metric._replace(quantity=None, metadata=(), fields=())
        is_void = self._is_exempt and status == VOID_STATUS
        is_billable = 0 if is_void else BILLABLE[status]
        # The names of others are not those of literals: a call with these is a misspelt one.
        made = (
            product if is_declared else cast("str", object()),
            metric_type if is_declared else cast("str", object()),
            status,
            self._is_plain
            and not (metric.quantity or metric.metadata or metric.pii or metric.fields),
            metric,
            encode_constants(
                product=metric.product,
                metric_type=metric.metric_type,
                status=escape(status),
                is_billable=is_billable if self._is_billed and is_declared else 0,
                instance_id=escape(self._instance_id()),
                **self._client,
            ),
            self._counting.accept(metric.product, metric.metric_type, status),
        )
        if is_declared or len(self) < _MOST_UNDECLARED:
            self[key] = made
        return made


class _Workspaces(dict[str, str]):
    """Valid workspace ids and their JSON; bounded, as there may be any number of them."""

    _MOST = 10_000

    def __missing__(self, workspace_id: str) -> str:
        text = _checks.workspace_id(workspace_id)
        if len(self) >= self._MOST:
            self.clear()
        self[workspace_id] = text
        return text

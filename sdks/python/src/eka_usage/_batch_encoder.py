"""Encodes several calls together, before any of them takes a number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, repeat
from typing import Any

from . import _checks
from ._batch import Batch, Call, Rejection
from ._clock import format_time
from ._counting import CountOne
from ._event import NO_METADATA, NONE, EventEncoder
from ._fields import PER_CALL, split
from ._generated.catalog import SESSION_BOUNDARY_FIELD
from ._generated.encoder import encode_event
from ._generated.limits import QUANTITY_MAXIMUM, QUANTITY_MINIMUM
from ._ids import EventIds
from ._interrupts import is_interruption
from ._metadata import metadata_text
from ._text import LONGEST, id_text

# Between these, repr() writes a float with a fraction as JSON has it.
_LOW, _HIGH = 1e-4, 1e15

# A client may report for any number of services; beyond so many they are forgotten.
_MOST_SERVICES = 64

# Unlike __class__, it cannot be overridden.
_type_of: Callable[[Any], Any] = type


class BatchEncoder(EventEncoder):
    """Encodes the events of one client instance, one at a time or several together."""

    @cached_property
    def exempt(self) -> BatchEncoder:
        """Encodes the events that only the SDK makes, with numbers of the same sequence."""
        return self._sharing(_is_exempt=True, _combinations=self._combinations.exempt())

    @cached_property
    def _others(self) -> dict[tuple[tuple[str, Any], ...], BatchEncoder]:
        return {}

    def of(self, own: Mapping[str, Any]) -> BatchEncoder:
        """Returns an encoder with values that a call sets in place of the client.

        Raises:
            ConfigError: one is invalid.
        """
        if not own:
            return self
        key = tuple(own.items())
        if all(type(value) is str for _, value in key) and (known := self._others.get(key)):
            return known
        texts = {name: _checks.per_call(name, value) for name, value in own.items()}
        key = tuple(texts.items())
        known = self._others.get(key)
        if known is None:
            known = self._sharing(_combinations=self._combinations.of(texts))
            if len(self._others) >= _MOST_SERVICES:
                self._others.clear()
            self._others[key] = known
        return known

    def _sharing(self, **changed: Any) -> BatchEncoder:
        """Returns an encoder of other events with numbers of the same sequence."""
        other = self.with_numbers(self._numbers)
        for name in ("_others", "exempt"):
            vars(other).pop(name, None)
        vars(other).update(_unused=self._unused, _literals={}, _last=NONE, **changed)
        return other

    def encode_many(self, batch: Batch, calls: Sequence[Call]) -> Rejection | None:
        """Encodes calls with the numbers that come next, and takes none.

        Args:
            batch: receives the events.
            calls: the arguments of `encode`, all but the first.

        Returns:
            The first invalid call, if any.
        """
        batch.first = self._count.last + 1
        ahead = self.with_numbers(itertools.count(batch.first))
        rejection = ahead.encode_all(batch, calls)
        self._last = ahead._last  # noqa: SLF001  of the same class
        return rejection

    def number(self, batch: Batch, calls: Sequence[Call]) -> None:
        """Takes consecutive numbers for a batch that was encoded with those expected."""
        numbers, count = batch.numbers, len(calls)
        # One call takes and stores all of them. Those given back are for single events.
        numbers.extend(islice(self._numbers, count))
        if batch.first != numbers[0] or numbers[-1] - numbers[0] != count - 1:
            again = Batch()  # another thread has taken some of them
            self.with_numbers(iter(list(numbers))).encode_all(again, calls)
            batch.replace(again)
        batch.is_numbered = True

    def give_back_all(self, numbers: list[int]) -> None:
        """Gives the numbers of a batch to the next single events, the lowest first."""
        # As in give_back(), one call moves all.
        self._unused.extend(islice(map(list[int].pop, repeat(numbers)), len(numbers)))

    def new_event_id(self) -> str:
        """Returns an id for an event that is recorded later."""
        return self._new_id() if self._new_id else EventIds().mint(self._now(), 0)

    def encode_all(self, batch: Batch, calls: Sequence[Call]) -> Rejection | None:
        """Encodes calls with this encoder's next numbers; returns the first invalid one, if any.

        What most calls have in common is encoded here, once for all of them or with fewer steps;
        every other call, and each one that may be invalid, as a single event is.
        """
        keys, events, ids, numbers = batch.keys, batch.events, batch.ids, self._numbers
        counts = batch.counts
        known_product, known_type, known_status, is_plain, _, constants, count = self._last
        escaped = self._workspaces.get
        now = self._now()
        ts, prefix = format_time(now), self._ids.prefix(now)
        start, span, mints = self._ids.start, self._ids.span, self._new_id is None
        for place, call in enumerate(calls):
            key, product, metric_type, quantity, status, cost, metadata, own_id, at, fields = call
            kind = _type_of(quantity)
            if (
                metric_type is known_type
                and product is known_product
                and status is known_status
                and is_plain
                and (kind is int or (kind is float and quantity % 1 and _LOW < quantity < _HIGH))
                and QUANTITY_MINIMUM <= quantity <= QUANTITY_MAXIMUM
                and mints
                and (metadata is None or _type_of(metadata) is dict)
                and cost is own_id is at is None
                and not fields
                and type(key) is str
                and len(key) <= LONGEST
                and (workspace := escaped(key)) is not None
            ):
                details, lost = metadata_text(metadata) if metadata else (NO_METADATA, "")
                counted = count
                seq = next(numbers)
                own_id = f"{prefix}{start + seq % span}"
                event = encode_event(
                    constants,
                    own_id,
                    details,
                    ts,
                    repr(quantity) if quantity != 1 else "1",
                    seq,
                    ts,
                    "null",
                    workspace,
                )
            else:
                try:
                    key, own_id, event, lost, counted = self.encode_one(call)
                except Exception as error:
                    if is_interruption(error):
                        raise
                    return Rejection(error, place, call)
                known_product, known_type, known_status, is_plain, _, constants, count = self._last
            if lost:
                batch.lost[place] = lost
            keys.append(key)
            events.append(event)
            ids.append(own_id)
            if counts is not None:
                counts.append(counted)
        return None

    def encode_one(self, call: Call) -> tuple[str, str, str, str, CountOne]:
        """Returns the key of a call before what `encode` returns."""
        key, *rest = call
        if SESSION_BOUNDARY_FIELD in call[-1] and not self._is_exempt:
            return self.exempt.with_numbers(self._numbers).encode_one(call)
        if call[-1] and not PER_CALL.isdisjoint(call[-1]):
            own, fields = split(call[-1])
            return self.of(own).with_numbers(self._numbers).encode_one((*call[:-1], fields))
        if type(key) is not str or len(key) > LONGEST:
            key = id_text(key)
            if type(key) is not str:  # even its hash may take time
                self.reject([], key, *rest)
        return (key, *self.encode([], key, *rest))

    def with_numbers(self, numbers: Iterator[int]) -> BatchEncoder:
        """Returns an encoder of the same events, with other numbers."""
        _ = self._ids, self._others  # so that the two have the same
        other = object.__new__(type(self))
        vars(other).update(vars(self), _numbers=numbers, _unused=[])
        return other

"""Counts events by outcome, product, metric type and status, for the adapters of metrics.

An accepted event costs one append to a list, which no thread or signal handler can come in between;
the lists are summed now and then. The labels are names of the catalog, so there are few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple, cast

from . import _number
from ._generated.catalog import METRIC_TYPES, STATUSES, VOID_STATUS
from ._generated.limits import QUANTITY_MAXIMUM, QUANTITY_MINIMUM
from ._generated.metrics import METRICS
from ._generated.self_metrics import OTHER, OUTCOMES
from ._interrupts import SuppressErrors, shared_lock
from ._text import name_text

_ACCEPTED, _REJECTED, _FAILED = OUTCOMES
_ZERO = Decimal()
_STATUSES = frozenset({*STATUSES, VOID_STATUS})

CountOne = Callable[[Any], None]
"""Counts one event, by its quantity."""
Labels = tuple[str, str, str, str]
"""Outcome, product, metric type and status."""


class Named(NamedTuple):
    """What a rejected event counts by, of which each may be anything."""

    product: Any
    metric_type: Any
    status: Any
    quantity: Any


UNNAMED = Named(None, None, None, 0)
"""What is counted of something that has no names."""


class Counted(NamedTuple):
    """The events of one combination of labels, and the sum of their quantities."""

    events: int
    amount: float


class Counting:
    """What one client instance counts, once it is switched on."""

    def __init__(self) -> None:
        self.is_on = False
        self._lock = shared_lock()
        self._is_adding_up = False
        self._cells: dict[Labels, _Cell] = {}

    def accept(self, product: str, metric_type: str, status: str) -> CountOne:
        """Returns what counts an accepted event, by its quantity, of these names."""
        return self._cell(_ACCEPTED, product, metric_type, status).quantities.append

    def reject(self, events: Iterable[Named]) -> None:
        """Counts events that were not accepted."""
        self._count(_REJECTED, events)

    def fail(self, event: Named) -> None:
        """Counts an accepted event that cannot be delivered."""
        self._count(_FAILED, (event,))

    def add_up(self) -> None:
        """Adds up the quantities since the last time, which would take ever more memory."""
        if not self.is_on:
            return
        with self._lock:
            if self._is_adding_up:  # a signal handler interrupted it
                return
            self._is_adding_up = True
            try:
                for cell in list(self._cells.values()):
                    cell.add_up()
            finally:
                self._is_adding_up = False

    def counted(self) -> dict[Labels, Counted]:
        """Returns what was counted, by labels."""
        self.add_up()
        return {
            labels: Counted(cell.events, cell.amount)
            for labels, cell in list(self._cells.items())
            if cell.events
        }

    def _count(self, outcome: str, events: Iterable[Named]) -> None:
        if self.is_on:
            for *names, quantity in events:
                self._cell(outcome, *names).quantities.append(amount_of(quantity))

    def _cell(self, outcome: str, product: Any, metric_type: Any, status: Any) -> _Cell:
        labels = (outcome, *labels_of(product, metric_type, status))
        return self._cells.get(labels) or self._cells.setdefault(labels, _Cell())


class _Cell:
    """The events of one combination of labels.

    Attributes:
        quantities: those of the events that are not among the others yet.
        events: how many were added up.
        amount: the sum of their quantities.
    """

    __slots__ = ("amount", "events", "quantities")

    def __init__(self) -> None:
        self.quantities: list[Any] = []
        self.events = 0
        self.amount = 0.0

    def add_up(self) -> None:
        # Other threads append behind these meanwhile.
        some = self.quantities[:]
        amount = _total(some)
        del self.quantities[: len(some)]
        self.events += len(some)
        self.amount += amount


def _total(quantities: list[Any]) -> float:
    """Returns the sum of quantities of accepted events."""
    # Decimals add to integers, and not to floats.
    with SuppressErrors():
        return float(sum(quantities, 0.0))
    with SuppressErrors():
        return float(sum(quantities, _ZERO))
    with SuppressErrors():
        floats = [each for each in quantities if type(each) is float]
        others = [each for each in quantities if type(each) is not float]
        return sum(floats, 0.0) + float(sum(others, _ZERO))
    return sum(map(amount_of, quantities), 0.0)


def amount_of(quantity: Any) -> float:
    """Returns a quantity that may be anything as a number; 0 if no event may have it."""
    with SuppressErrors():
        number = _number.exact(quantity)
        if number is not None and QUANTITY_MINIMUM <= number <= QUANTITY_MAXIMUM:
            return float(number)
    return 0.0


def labels_of(product: Any, metric_type: Any, status: Any) -> tuple[str, str, str]:
    """Returns the labels of names that may be anything: `OTHER` for what the catalog lacks."""
    names = tuple(map(name_text, (product, metric_type, status)))
    product, metric_type, status = cast("tuple[str | None, str | None, str | None]", names)
    if (product, metric_type) not in METRICS:
        metric_type = OTHER
        if product not in METRIC_TYPES:
            product = OTHER
    return cast("str", product), cast("str", metric_type), status if status in _STATUSES else OTHER

"""Event types that the catalog lacks, for catalogs that accept them."""

from __future__ import annotations

import re
from typing import cast

from ._generated.catalog import REMOVED, UNDECLARED_NAME_MAX_LENGTH, UNDECLARED_NAME_PATTERN
from ._metric import Metric
from ._text import name_text

_NAME = re.compile(UNDECLARED_NAME_PATTERN)
_HINT = "expected an event type such as entity.action"


class UndeclaredName(str):
    """The metric type of an event type that the catalog lacks.

    It is of a type of its own, so that a misspelt name in `record()` is not taken for one.
    """

    __slots__ = ()


def undeclared(event_type: str) -> Metric:
    """Returns the metric of an event type that the catalog lacks, such as `entity.action`.

    Its events are stored and never billed, until the catalog declares it: then it is that metric
    type. An event with a name of another form, or of a removed metric type, is rejected with
    `metric_type.unknown`.
    """
    from ._lookup import find_event_type  # it imports the constants, which import this

    declared = find_event_type(event_type)
    if declared is not None:
        return declared
    given = cast("object", event_type)  # which may come from anywhere
    product, _, metric_type = given.partition(".") if isinstance(given, str) else ("", "", "")
    return undeclared_metric(product, UndeclaredName(metric_type))


def undeclared_metric(product: str, metric_type: str) -> Metric:
    """Returns a metric without rules; its aggregation is that of undeclared ones in the store."""
    return Metric(product, metric_type, f"{product}.{metric_type}", "", "", "", "undeclared")


def undeclared_fault(product: object, metric_type: str) -> str:
    """Returns why an undeclared event type is not accepted; "" if it is."""
    names = (name_text(product) or "", name_text(metric_type) or "")
    if not all(len(n) <= UNDECLARED_NAME_MAX_LENGTH and _NAME.fullmatch(n) for n in names):
        return _HINT
    return REMOVED.get(names, "")

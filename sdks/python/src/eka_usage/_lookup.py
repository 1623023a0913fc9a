"""Looks up names that come from outside, such as from a configuration, in the catalog."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ._generated.catalog import ALIASES, METRIC_TYPES, PRODUCTS
from ._generated.metrics import METRICS
from ._text import name_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from typing_extensions import TypeIs

    from ._generated.catalog import Product
    from ._metric import Metric, MetricType


def is_product(value: object) -> TypeIs[Product]:
    """Reports whether this is the name of a product."""
    return name_text(value) in PRODUCTS


def is_metric_type(value: object, product: Product) -> TypeGuard[MetricType]:
    """Reports whether this is the name of a metric type of the product.

    The name comes first, as a type checker then knows that `record()` takes it.
    """
    return name_text(value) in METRIC_TYPES.get(name_text(product) or "", ())


def find_metric(product: str, metric_type: str) -> Metric | None:
    """Returns the constant of a metric type, for `record_metric()`; None if there is none."""
    return METRICS.get((name_text(product) or "", name_text(metric_type) or ""))


def find_event_type(name: str) -> Metric | None:
    """Returns the constant of an event type, `product.metric_type`, or of an alias; None otherwise.

    For names that come as one string: from HTTP, CloudEvents, imports. Never split them, since
    both parts may contain points.
    """
    return _event_types().get(name_text(name) or "")


@cache
def _event_types() -> Mapping[str, Metric]:
    metrics = {f"{metric.product}.{metric.metric_type}": metric for metric in METRICS.values()}
    return metrics | {alias: METRICS[names] for alias, names in ALIASES.items()}

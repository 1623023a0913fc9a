"""Looks up names that come from outside, such as from a configuration, in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._generated.catalog import METRIC_TYPES, PRODUCTS
from ._generated.metrics import METRICS

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ._generated.catalog import Product
    from ._metric import Metric


def is_product(value: object) -> TypeIs[Product]:
    """Reports whether this is the name of a product."""
    return isinstance(value, str) and value in PRODUCTS


def is_metric_type(product: Product, value: object) -> bool:
    """Reports whether this is the name of a metric type of the product."""
    return isinstance(value, str) and value in METRIC_TYPES.get(product, ())


def find_metric(product: str, metric_type: str) -> Metric | None:
    """Returns the constant of a metric type, for `record_metric()`; None if there is none."""
    return METRICS.get((product, metric_type))

"""Names that come from outside, such as a configuration: whether the catalog knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._generated.catalog import METRIC_TYPES, PRODUCTS
from ._generated.metrics import METRICS

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ._generated.catalog import Product
    from ._metric import Metric


def is_product(value: object) -> TypeIs[Product]:
    """Whether this is the name of a product."""
    return isinstance(value, str) and value in PRODUCTS


def is_metric_type(product: Product, value: object) -> bool:
    """Whether this is the name of a metric type of the product."""
    return isinstance(value, str) and value in METRIC_TYPES.get(product, ())


def find_metric(product: str, metric_type: str) -> Metric | None:
    """The constant of a metric type, for `record_metric()`; None where the catalog has none."""
    return METRICS.get((product, metric_type))

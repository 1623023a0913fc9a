"""What a generated `Metric` constant carries."""

from __future__ import annotations

from typing import NamedTuple


class QuantityRule(NamedTuple):
    """What a metric type asks of a quantity beyond the limits of every event."""

    integer: bool
    minimum: float | None
    maximum: float | None


class MetadataKey(NamedTuple):
    """A metadata key that a metric type declares."""

    name: str
    required: bool
    type: str | None
    allowed: tuple[object, ...] | None


class Deprecation(NamedTuple):
    """Since which version a metric type should not be used, and what to use in its place."""

    since: str
    replaced_by: str | None
    remove_in: str | None


class Metric(NamedTuple):
    """One metric type of one product: what `record_metric()` takes.

    The constants in `eka_usage.metrics` are the only ones that the catalog knows.

    Attributes:
        product: the product's name.
        metric_type: the metric type's name within its product.
        title: its name for people.
        description: what it counts.
        owner: the team that answers for it.
        unit: what a quantity of one means.
        aggregation: how quantities become a total: sum, count, max or last.
        quantity: what it asks of a quantity, beyond the limits of every event.
        metadata: the keys that it declares.
        deprecated: since when it should not be used, and what to use instead.
    """

    product: str
    metric_type: str
    title: str
    description: str
    owner: str
    unit: str
    aggregation: str
    quantity: QuantityRule | None = None
    metadata: tuple[MetadataKey, ...] = ()
    deprecated: Deprecation | None = None

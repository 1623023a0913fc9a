"""What metric types require of calls, for the types of every language."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.model import KeyRule, MetricType, Model


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a metric type requires; those of two metric types may be equal.

    `fields` are those that it constrains, `metadata` the keys that it declares, if it requires any:
    a key with other values than it declares is an error only where it is required.
    """

    fields: tuple[KeyRule, ...]
    metadata: tuple[KeyRule, ...]

    def __bool__(self) -> bool:
        return bool(self.fields or self.metadata)

    @property
    def required(self) -> tuple[KeyRule, ...]:
        """Returns the fields, then the keys, without which an event is rejected."""
        return tuple(rule for rule in (*self.fields, *self.metadata) if rule.required)


def requirements(model: Model, metric: MetricType) -> Requirements:
    """Returns what a metric type requires."""
    declares = any(key.required for key in metric.metadata)
    return Requirements(model.field_rules(metric), metric.metadata if declares else ())

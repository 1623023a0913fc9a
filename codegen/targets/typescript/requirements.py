"""What metric types require of calls, as types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codegen import naming
from codegen.model import KeyRule, Model
from codegen.numbers import scalar
from codegen.requirements import requirements
from codegen.targets.typescript import layout

_FIELD_TYPES: Mapping[str, Sequence[str]] = {
    "number": ("Amount",),
    "integer": ("Amount",),
    "boolean": ("boolean",),
    "timestamp": ("Date", "string"),
    "list": ("readonly string[]",),
    "json": ("object",),
}
_KEY_TYPES: Mapping[str | None, Sequence[str]] = {
    "string": ("string",),
    "number": ("Amount",),
    "integer": ("Amount",),
    "boolean": ("boolean",),
    None: ("unknown",),
}


@dataclass(frozen=True, slots=True)
class _MetricType:
    key: str
    fields: tuple[str, ...]
    metadata: tuple[str, ...]


def required(model: Model) -> Iterator[tuple[str, list[_MetricType]]]:
    """Yields the metric types that require something, by product."""
    for product in model.catalog.products:
        rows = [
            _MetricType(
                layout.key(metric.name),
                tuple(_field(model, rule) for rule in found.fields),
                tuple(map(_key, found.metadata)),
            )
            for metric in product.metric_types
            if (found := requirements(model, metric))
        ]
        if rows:
            yield layout.key(product.name), rows


def deprecated(model: Model) -> Iterator[str]:
    """Yields the names of the deprecated metric types of each product that has any."""
    for product in model.catalog.products:
        names = [layout.string(m.name) for m in product.metric_types if m.deprecated]
        if names:
            yield layout.union(f"  readonly {layout.key(product.name)}:", names)


def has_amounts(model: Model) -> bool:
    """Reports whether a type of these needs that of numbers."""
    text = str(list(required(model)))
    return "Amount" in text


def _field(model: Model, rule: KeyRule) -> str:
    field = model.event.field(rule.name)
    kinds = [layout.string(v) for v in field.values] or _FIELD_TYPES.get(field.type, ["string"])
    return _member(naming.camel(rule.name), rule, kinds)


def _key(rule: KeyRule) -> str:
    return _member(layout.key(rule.name), rule, _KEY_TYPES[rule.type])


def _member(name: str, rule: KeyRule, kinds: Sequence[str]) -> str:
    values = list(kinds) if rule.allowed is None else list(map(_literal, rule.allowed))
    if not rule.required and values != ["unknown"]:
        values += ["null", "undefined"]
    return layout.union(f"        readonly {name}{'' if rule.required else '?'}:", values, 10)


def _literal(value: Any) -> str:
    return layout.string(value) if isinstance(value, str) else scalar(value)

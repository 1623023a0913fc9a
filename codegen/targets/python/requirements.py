"""What metric types require of calls, as types of Python: each set of requirements once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codegen import phrases
from codegen.model import KeyRule, MetricType, Model
from codegen.requirements import Requirements, requirements
from codegen.targets.python.literals import literal

FIELD_TYPES: Mapping[str, str] = {
    "string": "Id",
    "number": "float | Decimal",
    "json": "MetadataLike",
    "timestamp": "datetime | str | int",
    "integer": "int",
    "boolean": "bool",
    "uuid": "str | UUID",
    "list": "Sequence[str]",
}
_KEY_TYPES: Mapping[str | None, str] = {
    "string": "str",
    "number": "float | Decimal",
    "integer": "int",
    "boolean": "bool",
    None: "object",
}


# What metric types require, and the message of `@deprecated`, "" if they are not.
Key = tuple[Requirements, str]


@dataclass(frozen=True, slots=True)
class RequiredTypes:
    """The types of a set of requirements; `fields` and `metadata` are "" if they are as always.

    `deprecation` is the message of `@deprecated` as a literal; "" for none.
    """

    fields: str
    metadata: str
    metric: str
    about: str
    deprecation: str
    field_types: tuple[tuple[str, str], ...]
    key_types: tuple[tuple[str, str], ...]


def key(model: Model, metric: MetricType) -> Key:
    """Returns what a metric type has in common with those of the same types."""
    return requirements(model, metric), phrases.deprecation(metric, _event_type) or ""


def _event_type(product: str, name: str) -> str:
    return f"{product}/{name}"


def required_types(model: Model) -> Mapping[Key, RequiredTypes]:
    """Returns the types by what they are for, named after the first metric type that needs them."""
    found: dict[Key, RequiredTypes] = {}
    for metric in model.catalog.metric_types:
        group = required, deprecation = key(model, metric)
        if (required or deprecation) and group not in found:
            taken = {each.metric for each in found.values()}
            found[group] = _types(model, metric, group, taken)
    return found


def _types(model: Model, metric: MetricType, group: Key, taken: set[str]) -> RequiredTypes:
    required, deprecation = group
    words = re.findall(r"[a-z0-9]+", f"{metric.product} {metric.name}")
    name, number = "".join(map(str.capitalize, words)), 1
    while f"{name}Metric" in taken:
        number += 1
        name = f"{name}{number}"
    rules = {rule.name: rule for rule in required.fields}
    fields = model.event.dimensions_of("record")
    return RequiredTypes(
        fields=f"{name}Fields" if required.fields else "",
        metadata=f"{name}Metadata" if required.metadata else "",
        metric=f"{name}Metric",
        about=f"{metric.product}/{metric.name}",
        deprecation=literal(deprecation) if deprecation else "",
        field_types=tuple(
            (field.name, _value_type(rules.get(field.name), field_type(field.type, field.values)))
            for field in fields
        ),
        key_types=tuple((literal(key.name), _key_type(key)) for key in required.metadata),
    )


def field_type(kind: str, values: tuple[str, ...]) -> str:
    """Returns the type of a field's argument."""
    return f"Literal[{', '.join(map(literal, values))}]" if values else FIELD_TYPES[kind]


def _value_type(rule: KeyRule | None, otherwise: str, none: str = " | None") -> str:
    if rule is None:
        return f"{otherwise}{none}"
    values: tuple[Any, ...] = rule.allowed or ()
    if values and not any(isinstance(value, float) for value in values):
        otherwise = f"Literal[{', '.join(map(literal, values))}]"
    return f"Required[{otherwise}]" if rule.required else f"{otherwise}{none}"


def _key_type(rule: KeyRule) -> str:
    """Returns the type of a key; as it is read only, a narrower one is accepted."""
    kind = _value_type(rule, _KEY_TYPES[rule.type], "")
    inner = kind.removeprefix("Required[").removesuffix("]") if rule.required else kind
    return f"Required[ReadOnly[{inner}]]" if rule.required else f"ReadOnly[{inner}]"

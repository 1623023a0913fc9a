"""What several targets say in the same words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codegen.model import Field, MetricType, Setting, milliseconds

# Limits of event.yaml that are durations; the rest are numbers and texts as they stand.
DURATIONS = frozenset({"ahead", "behind"})


def deprecation(metric: MetricType, spell: Callable[[str, str], str]) -> str:
    """When, what to use instead and until when; empty where a metric type is not deprecated.

    `spell` turns product and metric type into what the reader would write.
    """
    deprecated = metric.deprecated
    if deprecated is None:
        return ""
    parts = [f"since {deprecated.since}"]
    if deprecated.replaced_by:
        *product, name = deprecated.replaced_by.split("/")
        parts.append(f"use {spell(product[0] if product else metric.product, name)} instead")
    if deprecated.remove_in:
        parts.append(f"it goes in {deprecated.remove_in}")
    return "; ".join(parts) + "."


def limits(field: Field) -> Mapping[str, int | float | str]:
    """What bounds a field; a duration stands there twice, as text and as milliseconds."""
    named: dict[str, int | float | str] = {}
    for name, value in field.limits.items():
        named[name] = value
        if name in DURATIONS:
            named[f"{name}_ms"] = milliseconds(value)
    return named


def default_text(setting: Setting) -> str | None:
    """The default as it would stand in the environment; None where there is none."""
    if setting.default is None:
        return None
    if isinstance(setting.default, bool):
        return "true" if setting.default else "false"
    return str(setting.default)

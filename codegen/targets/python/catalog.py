"""The catalog in Python: its names as tuples, and what depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codegen import phrases
from codegen.model import Model
from codegen.targets.python.literals import literal


def tables(model: Model) -> Mapping[str, Any]:
    catalog = model.catalog
    names = {
        "products": tuple(product.name for product in catalog.products),
        "statuses": tuple(status.name for status in catalog.statuses),
        "log_levels": catalog.log_levels,
    }
    return {
        **{name: literal(values) for name, values in names.items()},
        **{f"{name}_type": ", ".join(map(literal, values)) for name, values in names.items()},
        "version": literal(catalog.version),
        "catalog_version": literal(model.catalog_version),
        "usage_topic": literal(catalog.topic("usage").name),
        "dead_letter_topic": literal(catalog.topic("dead_letter").name),
        "default_status": literal(catalog.default_status.name),
        "log_status": literal(catalog.log_status.name),
        "default_log_level": literal(catalog.default_log_level),
        "log_level_key": literal(model.event.log_level_key),
        "log_message_key": literal(model.event.log_message_key),
        "log_message_kept": model.event.log_message_kept,
        "of_other_calls": [
            (c.name.upper(), literal(c.value), f"{c.about[0].upper()}{c.about[1:]}.")
            for c in phrases.of_other_calls(model.event)
        ],
        "nanoseconds": [
            (literal((m.product, m.name)), nanoseconds)
            for m in catalog.metric_types
            if (nanoseconds := catalog.nanoseconds(m)) is not None
        ],
        "metric_types": [
            (literal(product.name), literal(tuple(m.name for m in product.metric_types)))
            for product in catalog.products
        ],
        "aliases": [(literal(alias), literal((m.product, m.name))) for alias, m in catalog.aliases],
        "removed": [
            (literal((m.product, m.name)), literal(phrases.removal(m))) for m in catalog.removed
        ],
        "billable": [(literal(s.name), int(s.billable)) for s in catalog.statuses],
    }

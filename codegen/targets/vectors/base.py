"""The base of all cases: the environment, the call that a case changes, the resulting event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from codegen.model import Event, Field, MetricType, Model
from codegen.numbers import ecmascript
from codegen.targets.vectors.examples import allowed, bounded
from codegen.targets.vectors.samples import wire
from codegen.targets.vectors.values import text

Case = dict[str, Any]

CLOCK = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
GIVEN: Mapping[str, str] = {
    "service_name": "conformance",
    "hostname": "host-1",
    "clock": "2026-01-31T09:30:00.000Z",
    "instance_id": "019c1345-f6c0-7000-8000-000000000001",
    "event_id": "019c1345-f6c0-7000-8000-000000000002",
}


def caller_fields(event: Event) -> list[Field]:
    """Returns the arguments of a call, in order."""
    return [event.field(name) for name in (*event.positional, *event.named)]


def metric(model: Model) -> MetricType:
    """Returns the first metric type with the fewest rules."""
    return min(model.catalog.metric_types, key=lambda one: len(bounded(one)))


def call(model: Model) -> Case:
    """Returns the minimal call."""
    one = metric(model)
    names = {
        "product": one.product,
        "metric_type": one.name,
        "status": model.catalog.default_status.name,
    }
    arguments = {
        field.name: names.get(field.catalog or "") or _sample(field)
        for field in caller_fields(model.event)
        if not field.optional
    }
    return {**arguments, **allowed(model, one)[0]}


def event(model: Model) -> Mapping[str, str]:
    """Returns the JSON text of each field of the event that this call produces; "" if absent."""
    given = call(model)
    status = model.catalog.default_status
    roles = {"status": text(status.name), "billable": str(int(status.billable))}
    return {
        field.name: wire(field, given[field.name])
        if field.name in given
        else ""
        if field.is_dimension
        else roles.get(field.catalog or "") or _omitted(field)
        for field in model.event.fields
    }


def conflicting(model: Model) -> frozenset[str]:
    """Returns the fields that this call constrains, or has others that exclude them."""
    fields = model.event.fields
    ruled = {rule.name for rule in model.field_rules(metric(model))}
    given = ruled & call(model).keys()
    excluded = {name for field in fields if field.name in given for name in field.excludes}
    excluded |= {field.name for field in fields if given.intersection(field.excludes)}
    return frozenset(ruled | excluded)


def _sample(field: Field) -> object:
    """Returns a value within the limits of a required argument."""
    if field.type == "string":
        least, most = field.limits.get("min_length", 1), field.limits.get("max_length")
        return "ws-1".ljust(least, "x")[:most]
    if field.type == "number":
        low, high = field.limits.get("minimum", -math.inf), field.limits.get("maximum", math.inf)
        return max(low, min(high, 1))
    return {} if field.type == "json" else GIVEN["clock"]


def _omitted(field: Field) -> str:
    """Returns the JSON text of a field whose argument is omitted."""
    if field.default is None and field.nullable:
        return "null"
    if field.type == "timestamp":
        return text(GIVEN["clock"])
    if field.type == "string":
        return text(field.default or GIVEN.get(field.name, f"${field.name}"))
    if field.type == "json":
        return text(field.default or "{}")
    return ecmascript(1 if field.default is None else field.default)

"""What all cases share: the circumstances, the call that a case changes, the event it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from codegen.model import Event, Field, MetricType, Model

Case = dict[str, Any]

CLOCK = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
GIVEN: Mapping[str, str] = {
    "service_name": "conformance",
    "hostname": "host-1",
    "clock": "2026-01-31T09:30:00.000Z",
    "instance_id": "019c1345-f6c0-7000-8000-000000000001",
    "event_id": "019c1345-f6c0-7000-8000-000000000002",
}
_SAMPLE = "ws-1"


def caller_fields(event: Event) -> list[Field]:
    """The arguments of a call, in their order."""
    return [event.field(name) for name in (*event.positional, *event.named)]


def role(event: Event, catalog: str) -> str:
    """The field that names a product, a metric type, a status or its billing."""
    return next(field.name for field in event.fields if field.catalog == catalog)


def metric(model: Model) -> MetricType:
    """A metric type without rules of its own, if there is one."""
    metrics = model.catalog.metric_types
    return next((m for m in metrics if m.quantity is None and not m.metadata), metrics[0])


def call(model: Model) -> Case:
    """The least that a call must say."""
    plain = metric(model)
    names = {"product": plain.product, "metric_type": plain.name}
    return {
        field.name: names.get(field.catalog or "", _SAMPLE)
        for field in caller_fields(model.event)
        if not field.optional
    }


def event(model: Model) -> Mapping[str, str]:
    """The JSON text of each field of the event that this call becomes."""
    return {field.name: _field(model, field) for field in model.event.fields}


def text(value: str) -> str:
    """A string as JSON with the minimal escapes of RFC 8785."""
    return json.dumps(value, ensure_ascii=False)


def _field(model: Model, field: Field) -> str:
    status = model.catalog.default_status
    if field.catalog == "billable":
        return str(int(status.billable))
    if field.catalog == "status":
        return text(status.name)
    if field.constant_per == "client":
        return text(GIVEN.get(field.name, f"${field.name}"))
    if field.name in (given := {**GIVEN, **call(model)}):
        return text(str(given[field.name]))
    if field.type == "timestamp":
        return text(GIVEN["clock"])
    if field.nullable:
        return "null"
    if field.type == "json":
        return text(str(field.default))
    return "1" if field.default is None else str(field.default)

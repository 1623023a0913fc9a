"""What the dimensions of event.yaml add to sdk.yaml: error codes, and settings of the client."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

from codegen.model.catalog import Catalog
from codegen.model.event import Event, Field
from codegen.model.sdk import ErrorCode, Sdk, Setting

_KINDS = {
    "string": "a non-blank string",
    "number": "a finite number",
    "integer": "an integer",
    "boolean": "true or false",
    "timestamp": "a time with an offset from UTC",
    "uuid": "a UUID",
    "enum": "one of its values",
    "list": "a list of non-blank strings",
    "json": "a mapping that JSON can represent",
}


def completed(sdk: Sdk, event: Event, catalog: Catalog) -> Sdk:
    """Returns the SDK with the codes and settings that follow from the fields of the event."""
    required = {rule.name for m in catalog.metric_types for rule in m.fields if rule.required}
    codes = [code for field in event.dimensions for code in _codes(event, field, required)]
    places = [at for at, e in enumerate(sdk.errors, 1) if e.outcome == "rejected" and e.field]
    last = max(places, default=0)
    return replace(
        sdk,
        errors=(*sdk.errors[:last], *codes, *sdk.errors[last:]),
        settings=(*sdk.settings, *map(_setting, event.client_dimensions)),
    )


def _codes(event: Event, field: Field, required: Container[str]) -> Iterator[ErrorCode]:
    others = f", or {' or '.join(field.excludes)} is given as well" if field.excludes else ""
    yield ErrorCode(
        name=f"{field.name}.invalid",
        outcome="rejected",
        field=field.name,
        reason=None,
        text="invalid {parameter} {given}: expected {hint}",
        description=f"The value is not {_KINDS[field.type]} within the limits{others}.",
    )
    causes = [f.name for f in event.dimensions if field.name in f.dependent_required]
    descriptions = []
    if causes:
        descriptions.append(f"The event has {' or '.join(causes)}, which requires this field.")
    if field.name in required:
        descriptions.append("The metric type requires this field.")
    if descriptions:
        yield ErrorCode(
            name=f"{field.name}.required",
            outcome="rejected",
            field=field.name,
            reason=None,
            text="missing {parameter}: {hint}",
            description=" ".join(descriptions),
        )


def _setting(field: Field) -> Setting:
    return Setting(
        name=field.name,
        type="string",
        required=False,
        default=None,
        minimum=None,
        maximum=None,
        choices=(),
        unit=None,
        secret=False,
        protocol=None,
        librdkafka=None,
        arguments={},
        description=field.description,
        defaults={},
        min_length=field.limits.get("min_length", 1),
        max_length=field.limits["max_length"],
    )

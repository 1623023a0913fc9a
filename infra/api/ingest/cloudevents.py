"""Reads CloudEvents 1.0 as calls of `record()`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eka_usage import Usage
from starlette.requests import Request

from infra.api._generated.calls import (
    ACCOUNT,
    ARGUMENTS,
    ID,
    METADATA,
    METRIC_TYPE,
    PRODUCT,
    QUANTITY,
    TIME,
)
from infra.api.errors import invalid_option
from infra.api.ingest.call import event_type_names, own_id, text_number, to_usage
from infra.api.keys.key import Key
from infra.api.wire.headers import header

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_VERSION = "1.0"
_HEADER = "ce-"
_VALUE = "value"
# What the attributes of the event and the key of the request say.
_OUTSIDE = {ACCOUNT, PRODUCT, METRIC_TYPE, ID, TIME, METADATA}


def is_binary(request: Request) -> bool:
    """Reports whether the attributes of an event are headers, and its data is the body."""
    return bool(header(request, b"ce-specversion"))


def from_headers(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """Returns an event whose attributes are headers, as one in JSON."""
    attributes = {
        name.removeprefix(_HEADER): value
        for name, value in headers.items()
        if name.startswith(_HEADER)
    }
    return {**attributes, "data": data}


def read(event: Any, key: Key) -> Usage:
    """Returns the call that a CloudEvent asks for.

    Its `type` is the metric type, its `subject` the workspace, `source` and `id` together the
    event id. `data` has the quantity as `value` or `quantity`, by text if need be; names of
    arguments of `record()`, such as `model`, are those, and everything else is metadata.

    Raises:
        ValidationError: it is not such an event.
        AnswerError: the key is not for this workspace.
    """
    if not isinstance(event, dict):
        raise invalid_option("event", event, "expected a CloudEvent")
    if event.get("specversion") != _VERSION:
        raise invalid_option("specversion", event.get("specversion"), f"expected {_VERSION}")
    source, event_id = _text(event, "source"), _text(event, "id")
    arguments = _data(event.get("data"))
    arguments[PRODUCT], arguments[METRIC_TYPE] = event_type_names(_text(event, "type"))
    arguments[ACCOUNT] = event.get("subject")
    arguments[ID] = own_id(source, event_id)
    if event.get("time") is not None:
        arguments[TIME] = event["time"]
    return to_usage(arguments, key)


def _data(data: Any) -> dict[str, Any]:
    """Returns the arguments that the data of an event has."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise invalid_option("data", data, "expected an object")
    rest = dict(data)
    values = [rest.pop(name) for name in (_VALUE, QUANTITY) if name in rest]
    if len(values) > 1 or (rest and not values):
        hint = f"expected the amount once, as {_VALUE!r} or as {QUANTITY!r}"
        raise invalid_option("data", data, hint)
    arguments = {
        name: rest.pop(name) for name in ARGUMENTS if name in rest and name not in _OUTSIDE
    }
    if rest:
        arguments[METADATA] = rest
    if values:
        arguments[QUANTITY] = text_number(values[0])
    return arguments


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_option(name, value, "expected a text that is not empty")
    return value

"""The events of a request to the HTTP API: checked here, so that a mistake costs no request."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

import msgspec

from ._clock import parse_time
from ._describe import describe_value
from ._generated.catalog import BATCH_MAX_EVENTS
from ._generated.limits import BLANK
from ._usage import Usage, named_arguments
from ._usage_answer import UsageError

_EVENT_TYPE = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)+")
_LONGEST_ID, _LONGEST_WORKSPACE = 128, 256
_encode = msgspec.json.Encoder(decimal_format="number").encode

UsageEventInput: TypeAlias = Usage | Mapping[str, Any]
"""An event: a `Usage`, or a mapping of its arguments by name, with `event_type` in place of product
and metric type if need be, and `id` in place of `event_id`."""


def encode_events(events: Sequence[UsageEventInput], origin: str, *, is_one: bool = False) -> bytes:
    """Returns the body of a request, in which each event has an id, so that it may be repeated.

    Raises:
        UsageError: an event is invalid, or there are none or too many.
    """
    if not 1 <= len(events) <= BATCH_MAX_EVENTS:
        hint = f"expected 1 to {BATCH_MAX_EVENTS} events, got {len(events)}"
        raise UsageError.local([("events", hint, None)])
    invalid: list[tuple[str, str, int | None]] = []
    found: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        problem: tuple[str, str] | None
        values = _values(event)
        if values is None:
            problem = ("event", f"expected a Usage or a mapping, got {describe_value(event)}")
        else:
            problem = _problem(values, origin)
            found.append(_completed(values, origin))
        if problem is not None:
            field, text = problem
            invalid.append((field, text, None if is_one else index))
    if invalid:
        raise UsageError.local(invalid)
    try:
        return _encode(found[0] if is_one else found)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError.local([("events", f"JSON cannot represent it: {error}", None)]) from None


def _values(event: object) -> dict[str, Any] | None:
    if isinstance(event, Usage):
        return named_arguments(event)
    if not isinstance(event, Mapping):
        return None
    given = cast("Mapping[str, Any]", event)
    return {name: value for name, value in given.items() if value is not None}


def _completed(values: dict[str, Any], origin: str) -> dict[str, Any]:
    """Returns an event with its service and an id."""
    event = {name: value for name, value in values.items() if name != "service_name"}
    event["origin"] = origin
    for name in ("event_id", "id", "workspace_id"):
        if isinstance(event.get(name), (int, uuid.UUID)):
            event[name] = str(event[name])
    if "event_id" not in event and "id" not in event:
        event["event_id"] = str(uuid.uuid4())
    return event


def _problem(values: Mapping[str, Any], origin: str) -> tuple[str, str] | None:
    """Returns the first argument that is invalid, and why."""
    for name in ("origin", "service_name"):
        if name in values and values[name] != origin:
            given = describe_value(values[name])
            return name, f"expected the client's own, {describe_value(origin)}, got {given}"
    if not _is_id(values.get("workspace_id"), _LONGEST_WORKSPACE):
        return "workspace_id", _expected(values, "workspace_id", _LONGEST_WORKSPACE)
    if (problem := _name_problem(values)) is not None:
        return problem
    for name in ("event_id", "id"):
        if name in values and not _is_id(values[name], _LONGEST_ID):
            return name, _expected(values, name, _LONGEST_ID)
    quantity = values.get("quantity", 1)
    if not _is_number(quantity):
        return "quantity", f"expected a finite number, got {describe_value(quantity)}"
    at = values.get("occurred_at", 0)
    if parse_time(at) is None:
        return "occurred_at", f"expected a time with an offset from UTC, got {describe_value(at)}"
    return None


def _name_problem(values: Mapping[str, Any]) -> tuple[str, str] | None:
    event_type = values.get("event_type")
    if event_type is None:
        for name in ("product", "metric_type"):
            if not _is_id(values.get(name), _LONGEST_WORKSPACE):
                return name, f"expected a name, got {describe_value(values.get(name))}"
        return None
    if "product" in values or "metric_type" in values:
        return "event_type", "expected either event_type, or product and metric_type"
    if not isinstance(event_type, str) or not _EVENT_TYPE.fullmatch(event_type):
        return "event_type", f"expected {{entity}}.{{action}}, got {describe_value(event_type)}"
    return None


def _is_id(value: object, longest: int) -> bool:
    if isinstance(value, (int, uuid.UUID)):
        return not isinstance(value, bool)
    return isinstance(value, str) and 1 <= len(value) <= longest and bool(value.strip(BLANK))


def _expected(values: Mapping[str, Any], name: str, longest: int) -> str:
    given = describe_value(values.get(name))
    return f"expected a non-blank string of 1 to {longest} characters, got {given}"


def _is_number(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(cast("float", value))

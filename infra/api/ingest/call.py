"""Reads one event of a request as a call of `record()`."""

from __future__ import annotations

import difflib
import hashlib
import json
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from eka_usage import EkaError, Usage, ValidationError, find_event_type, metrics

from infra.api._generated.calls import (
    ACCEPTS_UNDECLARED,
    ACCOUNT,
    ARGUMENTS,
    CHILDREN,
    ID,
    METRIC_TYPE,
    PRODUCT,
    SERVICE,
)
from infra.api.errors import AnswerError, invalid_option, shown
from infra.api.keys.key import Key

_EVENT_TYPE, _PAYLOAD = "event_type", "payload"
_LONGEST_ID, _LONGEST_NAME = 128, 64


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


_NAMES = {
    **{name: name for name in (*ARGUMENTS, SERVICE, _EVENT_TYPE, _PAYLOAD)},
    "id": ID,
    "origin": SERVICE,
}
_NAMES |= {_camel(name): known for name, known in _NAMES.items()}


def read_call(event: Any, key: Key) -> Usage:
    """Returns the call that an event asks for.

    Args:
        event: an object with the arguments of `record()` by name, in snake_case or camelCase, with
            `event_type` in place of product and metric type if need be.
        key: the key of the request, whose service it is.

    Raises:
        ValidationError: it is not such an object.
        AnswerError: the key is for another service or other workspaces.
    """
    if not isinstance(event, dict):
        raise invalid_option("event", event, "expected an object")
    found = _arguments(event)
    if (payload := found.pop(_PAYLOAD, None)) is not None:
        _take_children(found, payload)
    if (service := found.pop(SERVICE, None)) is not None and service != key.service:
        raise AnswerError.of("origin.forbidden", given=shown(service), hint=shown(key.service))
    if (event_type := found.pop(_EVENT_TYPE, None)) is not None:
        _take_event_type(found, event_type)
    return to_usage(found, key)


def to_usage(arguments: dict[str, Any], key: Key) -> Usage:
    """Returns the call with these arguments, without a service.

    Raises:
        AnswerError: the key is not for this workspace.
    """
    workspace = arguments.pop(ACCOUNT, None)
    if not key.allows(workspace):
        raise AnswerError.of("workspace.forbidden", given=shown(workspace))
    product, metric_type = arguments.pop(PRODUCT, None), arguments.pop(METRIC_TYPE, None)
    return Usage(workspace, _same(product), _same(metric_type), **arguments)


def event_type_names(event_type: object) -> tuple[str, str]:
    """Returns the product and the metric type of an event type or an alias.

    Raises:
        ValidationError: the catalog has none of this name.
    """
    metric = find_event_type(event_type) if isinstance(event_type, str) else None
    if metric is not None:
        return metric.product, metric.metric_type
    if ACCEPTS_UNDECLARED and isinstance(event_type, str):
        undeclared: Any = metrics.undeclared(event_type)  # type: ignore[attr-defined, unused-ignore]
        return undeclared.product, undeclared.metric_type
    hint = "expected product.metric_type, or an alias, of docs/metric-types.md"
    raise ValidationError.of(
        "metric_type.unknown", parameter=_EVENT_TYPE, given=shown(event_type), product="", hint=hint
    )


def text_number(value: Any) -> Any:
    """Returns the number that a text is, for clients that send amounts as texts."""
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value  # the SDK says what is wrong with it


def own_id(*parts: str) -> str:
    """Returns an event id from parts that identify an event together."""
    text = parts[0] if len(parts) == 1 else json.dumps(parts, ensure_ascii=False)
    if len(text) <= _LONGEST_ID:
        return text
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def with_place(error: EkaError | AnswerError, index: int) -> AnswerError:
    """Returns the answer to an event of a request that cannot be read, with its place."""
    if isinstance(error, EkaError):
        return AnswerError.rejected(error, index)
    error.index = index
    return error


def _same(name: Any) -> Any:
    """Returns the same object for each occurrence of a name, by which the SDK recognizes it."""
    return sys.intern(name) if type(name) is str else name


def _arguments(event: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in event.items():
        known = _NAMES.get(name)
        if known is None:
            raise invalid_option("argument", name, f"no such argument: {_hint(name)}")
        if known in found:
            raise invalid_option("argument", name, f"{known} is given twice, under two names")
        found[known] = value
    return found


@lru_cache
def _hint(name: str) -> str:
    # What is far longer than a name is like none, and comparing it takes long.
    near = difflib.get_close_matches(name, _NAMES, 1) if len(name) <= _LONGEST_NAME else []
    return f"did you mean {near[0]!r}?" if near else "further details go into metadata"


def _take_children(found: dict[str, Any], payload: object) -> None:
    """Reads what clients of older APIs send in an object of its own."""
    if not CHILDREN or not isinstance(payload, dict):
        raise invalid_option(_PAYLOAD, payload, "give the arguments beside each other")
    for name, value in payload.items():
        if _NAMES.get(name) != CHILDREN or CHILDREN in found:
            raise invalid_option(f"{_PAYLOAD} key", name, f"expected {CHILDREN} alone")
        found[CHILDREN] = value


def _take_event_type(found: dict[str, Any], event_type: object) -> None:
    names = event_type_names(event_type)
    given = (found.get(PRODUCT, names[0]), found.get(METRIC_TYPE, names[1]))
    if given != names:
        raise invalid_option(_EVENT_TYPE, event_type, f"{PRODUCT} and {METRIC_TYPE} name another")
    found[PRODUCT], found[METRIC_TYPE] = names

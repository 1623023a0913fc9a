"""The span that is active when an event is recorded, as keys of the event's metadata.

The keys are those that OpenTelemetry gives log records outside of its own protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from ._interrupts import SuppressErrors
from ._metadata import NOTHING, merged_metadata
from ._models import fields_of, is_model

# Returns the ids of the active span, in lowercase hex; {} if none is active.
ActiveSpan: TypeAlias = Callable[[], Mapping[str, str]]


def active_span() -> ActiveSpan | None:
    """Returns what finds the active span; None without OpenTelemetry's API."""
    with SuppressErrors():
        # Only a client that is asked for spans imports it.
        from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

        def ids() -> Mapping[str, str]:
            with SuppressErrors():  # a span may be of any class
                span = get_current_span().get_span_context()
                if span.is_valid:
                    trace_id, span_id = format_trace_id(span.trace_id), format_span_id(span.span_id)
                    return {"trace_id": trace_id, "span_id": span_id}
            return NOTHING

        return ids
    return None


def with_span(metadata: object, active_span: ActiveSpan | None) -> tuple[object, Mapping[str, str]]:
    """Returns metadata with the ids of the active span, and which were added: all or none.

    None are if the caller gave any: ids of two spans would name neither. What is no metadata is
    returned as it is, to be rejected.
    """
    if active_span is None or not (ids := active_span()):
        return metadata, NOTHING
    if metadata is None:
        return ids, ids
    with SuppressErrors():
        given: Any = fields_of(metadata) if is_model(metadata) else metadata
        if isinstance(given, Mapping) and not any(name in given for name in ids):
            return merged_metadata(ids, cast("Any", given)), ids
    return metadata, NOTHING

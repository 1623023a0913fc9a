"""What the bodies and answers of the HTTP API are, beside events: schemas of OpenAPI by name."""

from __future__ import annotations

from typing import Any

from codegen.model import Model

_TEXT = {"type": "string"}
_REF = "#/components/schemas/"


def ref(name: str) -> dict[str, Any]:
    """Returns a reference to one of the schemas."""
    return {"$ref": f"{_REF}{name}"}


def answer(shape: str) -> dict[str, Any]:
    """Returns an answer of this shape."""
    description, media_type, schema = _ANSWERS[shape]
    if not media_type:
        return {"description": description}
    content = {"schema": ref(schema)} if schema else {}
    return {"description": description, "content": {media_type: content}}


def body(shape: str) -> dict[str, Any]:
    """Returns the schema of a body of this shape."""
    return ref(_BODIES[shape])


def shapes(model: Model) -> dict[str, Any]:
    """Returns the schemas by their names."""
    most = model.event.batch.max_events
    return {
        "Events": _events(most),
        "CloudEvent": _CLOUD_EVENT,
        "CloudEvents": _list_of(ref("CloudEvent"), most),
        "Lines": {
            "type": "string",
            "description": f"1 to {most:,} lines, each a {model.event.name} of JSON.",
        },
        "Records": _object({"records": _list_of(_object({"value": {"type": "object"}}), most)}),
        "Accepted": _object(
            {
                "ids": {"type": "array", "items": _TEXT, "description": "In the events' order."},
                "id": {**_TEXT, "description": "The same, of one event alone."},
                "stored": {"enum": ["disk", "kafka"], "description": "What has them."},
                "rejected": {"type": "array", "items": ref("Detail")},
                "request_id": _TEXT,
            },
            required=["ids", "request_id"],
        ),
        "Answered": _object(
            {
                "complete_until": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "Everything that was accepted before is in the answer; null if "
                    "nobody can know.",
                },
                "complete_reason": {**_TEXT, "description": "What ends it."},
                "request_id": _TEXT,
            },
        ),
        "Relayed": _object({"events": {"type": "integer"}, "request_id": _TEXT}),
        "Account": _object({"id": _TEXT, "tenant_id": _TEXT, "request_id": _TEXT}),
        "Status": _object(
            {"status": _TEXT, "reason": _TEXT, "request_id": _TEXT},
            required=["status", "request_id"],
        ),
        "Offsets": _object(
            {
                "offsets": {"type": "array", "items": {"type": "object"}},
                "key_schema_id": {"type": "null"},
                "value_schema_id": {"type": "null"},
            }
        ),
        "RefusedRecords": _object({"error_code": {"type": "integer"}, "message": _TEXT}),
        "Detail": _DETAIL,
        "Refused": _object({"error": ref("Detail"), "request_id": _TEXT}),
    }


def _events(most: int) -> dict[str, Any]:
    several = _list_of(ref("Event"), most)
    return {"oneOf": [ref("Event"), several, _object({"events": several})]}


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


def _list_of(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


_CLOUD_EVENT = {
    **_object(
        {
            "specversion": {"const": "1.0"},
            "type": {**_TEXT, "description": "The event type."},
            "source": {**_TEXT, "minLength": 1},
            "id": {**_TEXT, "minLength": 1, "description": "With the source, the event's id."},
            "subject": {**_TEXT, "description": "Whose usage it is."},
            "time": {**_TEXT, "format": "date-time"},
            "data": {
                "type": ["object", "null"],
                "description": "The amount as value or quantity, and metadata.",
            },
        },
        required=["specversion", "type", "source", "id", "subject"],
    ),
    "description": "A CloudEvent 1.0.",
}
_REASON = {
    "code": {**_TEXT, "description": "Of a closed set: docs/errors.md has all."},
    "message": {**_TEXT, "description": "The same for people; it may change."},
    "field": {**_TEXT, "description": "The field of the event that it is about."},
    "index": {"type": "integer", "minimum": 0, "description": "The event's place."},
    "details": {
        "type": "array",
        "items": ref("Detail"),
        "description": "What is wrong with each event.",
    },
}
_DETAIL = {
    "description": "Why a request, or an event of it, is refused.",
    **_object(_REASON, required=["code", "message"]),
}
_BODIES = {
    "events": "Events",
    "cloud_event": "CloudEvent",
    "cloud_events": "CloudEvents",
    "lines": "Lines",
    "records": "Records",
}
_JSON, _KAFKA = "application/json", "application/vnd.kafka.v2+json"
_ANSWERS = {
    "accepted": ("The events' ids.", _JSON, "Accepted"),
    "relayed": ("Kafka has the events.", _JSON, "Relayed"),
    "none": ("The events are on disk.", "", ""),
    "account": ("The account's id.", _JSON, "Account"),
    "offsets": ("The records are on disk.", _KAFKA, "Offsets"),
    "refused_records": ("No record is taken.", _KAFKA, "RefusedRecords"),
    "status": ("How the server is.", _JSON, "Status"),
    "metrics": ("The metrics.", "text/plain", ""),
    "document": ("The document.", "application/yaml", ""),
}

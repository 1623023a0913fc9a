"""The Kafka topics as AsyncAPI 3: where events are, with what key, and what they look like."""

from __future__ import annotations

from typing import Any

from codegen import text
from codegen.model import Model, Topic, milliseconds
from codegen.targets.event_schema import event_schema

_JSON = "application/json"


def asyncapi(model: Model) -> dict[str, Any]:
    """Returns the document: what the SDKs send, and the topic of messages that readers refused."""
    event = model.event
    usage, dead_letter = (model.catalog.topic(role) for role in ("usage", "dead_letter"))
    payload = event_schema(model)
    del payload["$schema"]  # AsyncAPI has a dialect of its own
    key = payload["properties"][usage.key] if usage.key else {"type": "string"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{event.name} topics",
            "version": model.catalog.version,
            "description": "The topics of usage events in Kafka.",
        },
        "defaultContentType": _JSON,
        "channels": {
            "usage": _channel(usage, "Usage events, each as the SDK encoded it.", event.name),
            "deadLetters": _channel(
                dead_letter, "Messages that a reader could not process.", "DeadLetter"
            ),
        },
        "operations": {
            "sendUsage": {
                "action": "send",
                "channel": {"$ref": "#/channels/usage"},
                "summary": "Sends an event for each accepted call.",
                "messages": [{"$ref": f"#/channels/usage/messages/{event.name}"}],
            }
        },
        "components": {
            "messages": {
                event.name: {
                    "name": event.name,
                    "summary": text.flow(event.description),
                    "contentType": _JSON,
                    "payload": payload,
                    "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
                },
                "DeadLetter": {
                    "name": "DeadLetter",
                    "summary": "A message as it was read; its headers give the reason.",
                },
            }
        },
    }


def _channel(topic: Topic, description: str, message: str) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"retention.ms": milliseconds(topic.retention)},
                "bindingVersion": "0.5.0",
            }
        },
    }

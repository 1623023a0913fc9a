"""The paths of the HTTP API as OpenAPI: parameters, bodies, answers, and the errors of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from codegen import queries, text
from codegen.model import Endpoint, Http, Model, Parameter, Read
from codegen.targets.specifications.shapes import answer, body, ref

_IN_PATH = re.compile(r"\{(\w+)\}")
_MEDIA_TYPES = {"json": "application/json", "csv": "text/csv"}
_RETRIED = ("429", "503")
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "bound": {
        "type": "string",
        "anyOf": [{"format": "date"}, {"format": "date-time"}],
    },
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "zone": {"type": "string", "examples": ["Europe/Paris"]},
}


def paths(model: Model, http: Http) -> dict[str, Any]:
    """Returns every path with its methods."""
    operations = [
        *((each.path, each.method, _endpoint(model, http, each)) for each in http.endpoints),
        *((each.path, "get", _read(model, http, each)) for each in http.reads),
    ]
    return {
        path: {method: operation for at, method, operation in operations if at == path}
        for path, _, _ in operations
    }


def _endpoint(model: Model, http: Http, endpoint: Endpoint) -> dict[str, Any]:
    content = {media: {"schema": body(shape)} for media, shape in endpoint.bodies.items()}
    answers = {status: answer(shape) for status, shape in endpoint.answers.items()}
    errors = _errors(model, http, endpoint.scope) if endpoint.scope else {}
    return {
        **_head(endpoint.method, endpoint.path, endpoint.title, endpoint.description),
        "parameters": [*_in_path(endpoint.path), *map(_parameter, endpoint.parameters)],
        **({"requestBody": {"required": True, "content": content}} if content else {}),
        "responses": dict(sorted({**errors, **answers}.items())),
        "security": [{"key": []}] if endpoint.scope else [],
    }


def _read(model: Model, http: Http, read: Read) -> dict[str, Any]:
    content = {
        _MEDIA_TYPES[form]: {"schema": ref("Answered") if form == "json" else {"type": "string"}}
        for form in read.formats
    }
    return {
        **_head("get", read.path, read.title, read.description),
        "parameters": [
            *_in_path(read.path),
            *map(_parameter, read.parameters),
            *_following(model, read),
        ],
        "responses": {
            "200": _answer("What was asked for.", content),
            **_errors(model, http, "read"),
        },
        "security": [{"key": []}],
    }


def _head(method: str, path: str, title: str, description: str) -> dict[str, Any]:
    words = re.findall(r"[A-Za-z0-9]+", path)
    return {
        "operationId": "_".join([method, *words]),
        "summary": title,
        "description": text.flow(description),
    }


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name in _IN_PATH.findall(path):
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_SCHEMAS[parameter.type])
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    values = {
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "default": parameter.default,
    }
    schema |= {name: value for name, value in values.items() if value is not None}
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    return _in_query(parameter.name, parameter.description, schema)


def _following(model: Model, read: Read) -> Iterator[dict[str, Any]]:
    """Yields the parameters that follow from the fields of an event, and the format."""
    yield from map(_parameter, queries.of_fields(model.event, read))
    if (metadata := queries.of_metadata(model.event, read)) is not None:
        keys = {"type": "object", "additionalProperties": {"type": "string"}}
        description = f"{metadata.description[:-1]}, each as `{metadata.name}.KEY=VALUE`."
        yield {**_in_query(metadata.name, description, keys), "style": "form", "explode": True}
    if len(read.formats) > 1:
        schema = {"type": "string", "enum": list(read.formats), "default": read.formats[0]}
        yield _in_query("format", "Of the answer; by default what the request accepts.", schema)


def _in_query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": dict(schema)}


def _answer(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **({"content": content} if content else {})}


def _errors(model: Model, http: Http, scope: str) -> dict[str, Any]:
    """Returns the answers to requests that are refused, by status."""
    codes: dict[str, dict[str, str]] = defaultdict(dict)
    for error in http.errors:
        if error.scopes is None or scope in error.scopes:
            codes[str(error.status)][error.name] = error.description
    if scope == "write":
        for rejecting in model.sdk.errors:
            if rejecting.outcome == "rejected":
                status = str(http.status(rejecting.name))
                codes[status][rejecting.name] = rejecting.description
    return {status: _refused(status, codes[status]) for status in sorted(codes)}


def _refused(status: str, codes: Mapping[str, str]) -> dict[str, Any]:
    limits = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    found = _answer(
        "\n".join(f"- `{code}`: {text.flow(about)}" for code, about in codes.items()),
        {"application/json": {"schema": {"allOf": [ref("Refused"), limits]}}},
    )
    if status in _RETRIED:
        schema = {"type": "integer", "minimum": 0}
        description = "After how many seconds to send the same again."
        found["headers"] = {"Retry-After": {"description": description, "schema": schema}}
    return found

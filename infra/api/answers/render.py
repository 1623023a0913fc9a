"""Writes answers: JSON with exact numbers as text, or CSV, and neither again if it is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from infra.api.answers.questions import Result
from infra.api.wire.answers import request_id
from infra.sink import output
from infra.sink._generated.fields import FIELDS

_NOT_MODIFIED = 304
_WEAK = "W/"
_JSON = frozenset(field.name for field in FIELDS if field.kind == "json")
_FLAGS = frozenset(field.name for field in FIELDS if field.kind == "flag")
# What differs although nothing has changed.
_OF_THE_MOMENT = ("made_at",)


def as_json(document: Mapping[str, Any]) -> bytes:
    """Returns a document as JSON; decimals are strings, so that no parser makes doubles of them."""
    return msgspec.json.encode(_plain(document))


def respond(request: Request, document: Mapping[str, Any]) -> Response:
    """Answers a document as JSON."""
    found = request_id(request)
    lasting = {name: each for name, each in document.items() if name not in _OF_THE_MOMENT}
    tag = _tag(as_json(lasting))
    body = as_json({**document, "request_id": found})
    return _response(request, body, tag, "application/json")


def respond_result(request: Request, result: Result, form: str, name: str) -> Response:
    """Answers rows: in JSON as `data`, beside what must be known to read them.

    Args:
        request: whom to answer.
        result: the rows.
        form: csv or json.
        name: of the file that a browser saves.
    """
    if form != "csv":
        return respond(request, {"data": result.rows, **result.about})
    lines = output.csv_lines(result.rows, result.columns)
    body = "".join(lines).encode()
    response = _response(request, body, _tag(body), "text/csv; charset=utf-8")
    response.headers["content-disposition"] = f'attachment; filename="{name}.csv"'
    until = result.about.get("complete_until")
    if until is not None:
        response.headers["x-complete-until"] = output.text(until)
    return response


def _response(request: Request, body: bytes, tag: str, media: str) -> Response:
    headers = {
        "etag": tag,
        # It may be kept, but must be asked for again.
        "cache-control": "private, no-cache",
        "vary": "accept, authorization, cookie",
        "x-content-type-options": "nosniff",
        "x-request-id": request_id(request),
    }
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    # Compared as weak tags are, which a proxy may have made strong.
    if known == ["*"] or tag.removeprefix(_WEAK) in [each.removeprefix(_WEAK) for each in known]:
        return Response(None, _NOT_MODIFIED, headers)
    return Response(body, 200, headers, media_type=media)


def _tag(body: bytes) -> str:
    return f'{_WEAK}"{hashlib.sha256(body).hexdigest()[:32]}"'


def _plain(value: Any, name: str = "") -> Any:
    """Returns a value as it is written: a text that is JSON itself stays as it is."""
    if isinstance(value, Mapping):
        return {key: _plain(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal | date):
        return output.text(value)
    if name in _FLAGS and isinstance(value, int):
        return bool(value)
    if name in _JSON and isinstance(value, str):
        return _raw(value)
    return value


def _raw(text: str) -> Any:
    try:
        msgspec.json.decode(text or "{}")
    except (ValueError, RecursionError):
        return text
    return msgspec.Raw((text or "{}").encode())

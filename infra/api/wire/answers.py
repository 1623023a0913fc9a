"""The answers of every endpoint: JSON with the request's id, and errors of a code."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from infra.api.errors import AnswerError, shown
from infra.api.wire.headers import header
from infra.sink.text import printable

_LOG = logging.getLogger("api")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NOT_FOUND, _NOT_ALLOWED = 404, 405


# Nothing depends on that nobody guesses the ids of requests, only on that no two are the same.
_PROCESS = secrets.token_hex(10)
_NUMBERS = itertools.count()


def request_id(request: Request) -> str:
    """Returns the id that the client gave the request, or a new one, the same at each call."""
    state = request.scope.setdefault("state", {})
    known = state.get("id")
    if known is None:
        given = header(request, b"x-request-id")
        is_usable = given and _REQUEST_ID.fullmatch(given)
        known = state["id"] = given if is_usable else f"{_PROCESS}{next(_NUMBERS):012x}"
    return str(known)


class _Answer(Response):
    """A JSON answer, whose headers are made in fewer steps than any answer's."""

    def __init__(self, body: bytes, status: int, found: str) -> None:
        self.status_code, self.body, self.background = status, body, None
        length = (b"content-length", b"%d" % len(body))
        self.raw_headers = [length, (b"x-request-id", found.encode()), *_HEADERS]


def answer(request: Request, document: dict[str, Any], status: int = 200) -> Response:
    """Returns a JSON answer with the request's id."""
    found = request_id(request)
    return _Answer(msgspec.json.encode({**document, "request_id": found}), status, found)


async def on_answer_error(request: Request, error: Exception) -> Response:
    """Answers an error of a code."""
    if not isinstance(error, AnswerError):
        raise error
    log_refused(request, error)
    response = answer(request, {"error": error.document()}, error.status)
    response.headers.update(error.headers)
    return response


def log_refused(request: Request, error: AnswerError) -> None:
    """Counts a request that is refused, and writes a line about it, which has no secret."""
    request.app.state.metrics.count("refused", error.code)
    key = request.scope.setdefault("state", {}).get("key")
    _LOG.warning(
        "refused: %s %s %d %s key=%s peer=%s request=%s: %s",
        request.method,
        printable(request.url.path),
        error.status,
        error.code,
        key.id if key else "-",
        request.client.host if request.client else "-",
        request_id(request),
        printable(str(error)),
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answers what the router finds: no such path, or no such method of it."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == _NOT_ALLOWED:
        allowed = ", ".join(sorted(_methods(request)))
        found = AnswerError.of(
            "method.unsupported",
            given=shown(request.method),
            hint=allowed,
            headers={"allow": allowed},
        )
    else:
        found = AnswerError.of("path.unknown", hint="docs/http-api.md lists them")
    return await on_answer_error(request, found)


def _methods(request: Request) -> set[str]:
    """Returns the methods of a path, of which each may have a route of its own."""
    return {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def on_fault(request: Request, error: Exception) -> Response:
    """Answers a fault of the server's own, whose cause only the log has."""
    _LOG.error("request %s failed", request_id(request), exc_info=error)
    return await on_answer_error(request, AnswerError.of("server.failed"))


# Answers are of the moment, and no page may read them as something else.
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)

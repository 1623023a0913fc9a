"""What each request meets first: its path is tidied, and its answer counted.

The paths that take events are answered from here. Most requests have one event, of which a router
with its middleware would be the larger part of the cost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from infra.api.errors import AnswerError
from infra.api.metrics import Metrics
from infra.api.wire.answers import on_answer_error, on_fault

Endpoint = Callable[[Request], Awaitable[Response]]

_SLASHES = re.compile("/{2,}")


class Front:
    """The application of one worker.

    Args:
        taking: what takes events with POST, by its path.
        others: answers every other request.
        metrics: where answers are counted.
    """

    def __init__(self, taking: Mapping[str, Endpoint], others: Starlette, metrics: Metrics) -> None:
        self._taking = taking
        self._others = others
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        started = time.perf_counter()
        # Clients join a URL that ends in a slash with a path that begins so.
        if "//" in scope["path"]:
            scope = {**scope, "path": _SLASHES.sub("/", scope["path"])}
        endpoint = self._taking.get(scope["path"]) if scope["method"] == "POST" else None
        if endpoint is None:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._metrics.count_answer(message["status"], time.perf_counter() - started)
                await send(message)

            await self._others(scope, receive, sending)
            return
        scope["app"] = self._others
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except AnswerError as error:
            response = await on_answer_error(request, error)
        except Exception as error:  # noqa: BLE001  is logged
            response = await on_fault(request, error)
        self._metrics.count_answer(response.status_code, time.perf_counter() - started)
        await response(scope, receive, send)

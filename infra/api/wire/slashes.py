"""Paths as they were meant: clients join a URL that ends in a slash with a path that begins so."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_SEVERAL = re.compile("/{2,}")


class SingleSlashes:
    """Makes one slash of several, before a path is looked up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "//" in scope.get("path", ""):
            scope = {**scope, "path": _SEVERAL.sub("/", scope["path"])}
        await self._app(scope, receive, send)

"""The paths that read, in this process, over a chDB store with rows of the test's choice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from infra.api.answers.rejected import Rejected
from infra.api.answers.routes import Answers
from infra.api.errors import AnswerError
from infra.api.keys.access import Access
from infra.api.keys.key import Key, digest_of, id_of, new_token
from infra.api.keys.keyring import Keyring, change_keys
from infra.api.metrics import Metrics
from infra.api.store.pool import Asked, Bounds, Pool, Question
from infra.api.wire.answers import on_answer_error
from infra.sink.dsn import Dsn
from infra.sink.store import open_store
from tests.sink.events import insert
from tests.sink.stores import make_store

Found = TypeVar("Found")


class Answering:
    """What the server answers; only the store, the keys and the paths are made here.

    Args:
        folder: for the store and the keys.
        events: as of `tests.sink.events`.
    """

    def __init__(self, folder: Path, events: Iterable[Mapping[str, Any]] = ()) -> None:
        make_store(folder / "store")
        self.dsn = Dsn(f"chdb://{folder}/store")
        with open_store(self.dsn) as client:
            insert(client, events)
        self._pool = Pool(self.dsn, Bounds())
        self.keys = folder / "keys.json"
        change_keys(self.keys, lambda _: [])
        self.everything = self.new_key("read")
        self._answers = self.answers(self._pool)
        self._app = _app(self._answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._answers.close()
        self._pool.close()

    def answers(self, store: Asked) -> Answers:
        """Returns the endpoints over a store."""
        return Answers(Access(Keyring(self.keys), 0), store, Rejected({}))

    def new_key(self, *scopes: str, workspaces: tuple[str, ...] | None = None) -> str:
        """Returns the text of a new key."""
        token = new_token()
        digest = digest_of(token)
        key = Key(id_of(digest), digest, "svc", scopes, workspaces, "2026-01-01T00:00:00Z")
        change_keys(self.keys, lambda keys: [*keys, key])
        return token

    def ask(self, question: Question[Found]) -> Found:
        """Returns what the store answers to a question that no path asks."""
        return self._pool.ask(question)

    def get(
        self, path: str, token: str = "", answers: Answers | None = None, **headers: str
    ) -> httpx.Response:
        """Returns the answer to a key, by default one that may read everything."""
        app = self._app if answers is None else _app(answers)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            given = {"authorization": f"Bearer {token or self.everything}"}
            given |= {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.get(path, headers=given)

        return asyncio.run(ask())

    def data(self, path: str, token: str = "") -> list[dict[str, Any]]:
        """Returns the rows of an answer."""
        response = self.get(path, token)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["data"]
        return found

    def error(self, path: str, status: int, token: str = "") -> dict[str, Any]:
        """Returns the error of an answer."""
        response = self.get(path, token)
        assert response.status_code == status, response.text
        found: dict[str, Any] = response.json()["error"]
        return found


def _app(answers: Answers) -> Starlette:
    app = Starlette(
        routes=[Route(path, endpoint) for path, endpoint in answers.paths()],
        exception_handlers={AnswerError: on_answer_error},
    )
    app.state.metrics = Metrics(lambda: 0.0)
    return app

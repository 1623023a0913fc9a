"""Asks the process that owns a folder, over a Unix socket that only this user can reach."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import TypeVar

from infra.api.store.pool import Question
from infra.sink.errors import SinkError, UnavailableError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Address:
    """The socket of the process, and the secret that both sides prove."""

    path: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Address({self.path!r})"


class Remote:
    """Asks with one connection for each thread, which a thread of the process serves."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._own = threading.local()

    def ask(self, question: Question[_Result]) -> _Result:
        """Returns the answer; a process that was replaced meanwhile is asked once more."""
        for _ in range(2):
            try:
                connection = self._connection()
                connection.send(question)
                found = connection.recv()
            except (EOFError, OSError, AuthenticationError):
                self._own.connection = None
                continue
            if isinstance(found, SinkError):
                raise found
            return found  # type: ignore[no-any-return]
        raise UnavailableError("the process that owns the store is not running")

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = Client(self._address.path, "AF_UNIX", self._address.secret)
            self._own.connection = found
        return found

"""Answers questions with clients of the store, several at once, each within bounds."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Protocol, TypeVar

from clickhouse_connect.driver.client import Client

from infra.sink import store
from infra.sink.dsn import Dsn
from infra.sink.errors import SinkError, TooLargeError, UsageError

_Result_co = TypeVar("_Result_co", covariant=True)
_Result = TypeVar("_Result")


class Question(Protocol[_Result_co]):
    """What the store is asked; it can be sent to another process."""

    def answer(self, client: Client) -> _Result_co:
        """Returns the answer; a SinkError says why there is none."""
        ...


class Asked(Protocol):
    """Whoever can be asked."""

    def ask(self, question: Question[_Result]) -> _Result:
        """Returns the answer, on any thread.

        Raises:
            SinkError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many questions are answered at once, and what one query of a question may take.

    Attributes:
        at_once: how many questions.
        seconds: how long a query may take.
        memory: how many bytes it may take.
    """

    at_once: int = 4
    seconds: float = 20
    memory: int = 1 << 30


class Pool:
    """Answers with clients of its own, which it opens when they are needed."""

    def __init__(self, dsn: Dsn, bounds: Bounds) -> None:
        self._dsn = dsn
        self._bounds = bounds
        self._free = threading.BoundedSemaphore(bounds.at_once)
        self._idle: queue.LifoQueue[Client] = queue.LifoQueue()

    def ask(self, question: Question[_Result]) -> _Result:
        """Returns the answer once a client is free."""
        with self._free:
            client = self._take()
            is_usable = False
            try:
                found = question.answer(client)
                is_usable = True
            except (UsageError, TooLargeError):
                is_usable = True
                raise
            finally:
                # Of any other error the connection may be the cause, or a password that is rotated.
                if is_usable:
                    self._idle.put(client)
                else:
                    client.close()
        return found

    def close(self) -> None:
        """Closes the clients, of which none may be in use."""
        while not self._idle.empty():
            self._idle.get().close()

    def _take(self) -> Client:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            client = store.open_store(self._dsn, existing=True)
        client.set_client_setting("max_execution_time", self._bounds.seconds)
        client.set_client_setting("max_memory_usage", self._bounds.memory)
        return client


class Nowhere:
    """Whom to ask where no store is configured."""

    def ask(self, question: Question[_Result]) -> _Result:
        """Refuses, as a store that is away does."""
        raise SinkError("no store is configured: start the server with --dsn")

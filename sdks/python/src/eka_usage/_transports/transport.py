"""The interface of what sends the events of a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .._failure import Failed


class Transport(Protocol):
    """Sends encoded events: each one that it accepts is delivered, or reported as failed.

    Attributes:
        needs_polling: whether delivery reports arrive by `poll`, which then takes a thread.
    """

    needs_polling: bool

    def send(self, key: str, value: str) -> None:
        """Accepts one event without waiting.

        Raises:
            BufferError: the queue is full; the event was not accepted.
            Exception: any other; this event can never be accepted.
        """

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        """Returns what `send_reported` takes: one of the two is called for each event."""

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        """Accepts one event as `send` does, and reports it even if it is delivered."""

    def queued(self) -> int:
        """Returns how many events are neither delivered nor reported."""
        ...

    def poll(self) -> None:
        """Reports what has failed, without waiting."""

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds, and returns how many events are still queued."""
        ...

    def purge(self) -> None:
        """Gives up what is queued, and reports it."""

    def detach(self) -> None:
        """Lets the process end without waiting for it."""

    def fork(self) -> Transport | None:
        """Returns the transport of a forked child; None if it must open a new one."""
        ...

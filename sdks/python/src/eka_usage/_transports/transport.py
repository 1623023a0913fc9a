"""What a client asks of whatever carries its events away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .._failure import Failed


class Transport(Protocol):
    """Carries encoded events: each one that it takes is delivered, or reported as failed."""

    def send(self, key: str, value: str) -> None:
        """Takes one event, at once or not at all.

        Raises:
            BufferError: the queue is full; the event was not taken.
            Exception: anything else; this event can never be taken.
        """

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        """What `send_reported` takes: one of the two is called for each event."""

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        """As `send`, and each event is heard of, also where it is delivered."""

    def queued(self) -> int:
        """How many events were taken and are neither delivered nor reported."""
        ...

    def poll(self) -> None:
        """Reports what has failed since the last time, without waiting."""

    def flush(self, timeout: float) -> int:
        """Waits up to `timeout` seconds for what is queued, and returns how much still is."""
        ...

    def purge(self) -> None:
        """Gives up what is queued, and reports it."""

    def detach(self) -> None:
        """Lets the process end without waiting for it."""

    def fork(self) -> Transport | None:
        """In a forked child: what carries its events, or None where that must be made anew."""
        ...

"""A producer that keeps events in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import msgspec

from .._generated.events import UsageEvent

_read = msgspec.json.Decoder(UsageEvent).decode


class InMemoryProducer(Sequence[UsageEvent]):
    """Replaces Kafka: `EkaClient("my-service", producer=InMemoryProducer())`.

    It is the sequence of the delivered events in order; each is delivered before `record()`
    returns.

    Attributes:
        full: while True, events are rejected as by a full queue.
        fault: while not None, every delivery fails with this reason.
    """

    def __init__(self) -> None:
        self.full = False
        self.fault: str | None = None
        self._delivered: list[UsageEvent] = []

    def clear(self) -> None:
        """Removes the delivered events."""
        self._delivered.clear()

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> None:
        if self.full:
            raise BufferError("the in-memory producer is full")
        if self.fault is None:
            self._delivered.append(_read(value))
        on_delivery(self.fault, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0

    @overload
    def __getitem__(self, index: int) -> UsageEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[UsageEvent]: ...
    def __getitem__(self, index: int | slice) -> UsageEvent | list[UsageEvent]:
        return self._delivered[index]

    def __len__(self) -> int:
        return len(self._delivered)

    def __eq__(self, other: object) -> bool:
        return self._delivered == other if isinstance(other, list) else self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<InMemoryProducer: {self._delivered!r}>"

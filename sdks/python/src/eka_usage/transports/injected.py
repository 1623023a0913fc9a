"""A producer of the caller's own, in place of Kafka or in front of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from confluent_kafka import KafkaError, Producer

from .base import Failed
from .callbacks import calling


class ProducerLike(Protocol):
    """What a client needs of a producer; `confluent_kafka.Producer` has it.

    `on_delivery(error, message)` is called once for each event, with None where it was delivered.
    `produce` raises BufferError while it can take no more. `flush` returns how many events it still
    holds; where it returns 0 or None, all of them count as delivered.
    """

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> object: ...
    def poll(self, timeout: float) -> object: ...
    def flush(self, timeout: float) -> int | None: ...


class InjectedTransport:
    """Counts by delivery reports: the producer may carry other messages too."""

    def __init__(self, producer: ProducerLike, topic: str, failed: Failed) -> None:
        self._producer = producer
        self._topic = topic
        self._failed = failed
        self._waiting: dict[object, bytes] = {}

    def send(self, key: str, value: str) -> None:
        ticket, event = object(), value.encode()
        self._waiting[ticket] = event
        try:
            self._producer.produce(
                topic=self._topic,
                key=key.encode(),
                value=event,
                on_delivery=partial(self._reported, ticket),
            )
        except BaseException:
            reported = self._waiting.pop(ticket, None) is None
            if not reported:  # otherwise the report counts
                raise

    def queued(self) -> int:
        return len(self._waiting)

    def poll(self) -> None:
        calling(self._producer.poll, 0)

    def flush(self, timeout: float) -> int:
        before = list(self._waiting)
        if not calling(self._producer.flush, timeout):
            for ticket in before:
                self._waiting.pop(ticket, None)
        return len(self._waiting)

    def purge(self) -> None:
        for ticket in list(self._waiting):
            event = self._waiting.pop(ticket, None)
            if event is not None:
                self._failed("the producer did not report on it", event, True)

    def outlive(self) -> None:
        pass  # it is the caller's

    def fork(self) -> InjectedTransport:
        if isinstance(self._producer, Producer):
            return InjectedTransport(_Lost(), self._topic, self._failed)
        return InjectedTransport(self._producer, self._topic, self._failed)

    def _reported(self, ticket: object, error: Any, _: Any) -> None:
        event = self._waiting.pop(ticket, None)
        if event is not None and error is not None:
            self._failed(error.str() if isinstance(error, KafkaError) else str(error), event, False)


class _Lost:
    """In the place of a producer whose threads a fork left behind: it would deliver nothing."""

    def produce(self, **_: object) -> None:
        raise RuntimeError(
            "the injected confluent_kafka.Producer was made before a fork and is dead in the child;"
            " make the client after the fork, or let it make its own producer"
        )

    def poll(self, timeout: float) -> None: ...

    def flush(self, timeout: float) -> None: ...

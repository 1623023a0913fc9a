"""A producer of the caller's own, in place of Kafka or in front of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaError, Producer

from .._failure import Failed, Failure
from .._generated.spool import FINAL_ERRORS
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
        self._waiting: dict[object, _Waiting] = {}

    def send(self, key: str, value: str) -> None:
        self._send(_Waiting(key.encode(), value.encode(), _nothing, self._failed))

    def reporter(self, delivered: Callable[[], object], failed: Failed) -> Any:
        return delivered, failed

    def send_reported(self, key: bytes, event: bytes, report: Any) -> None:
        self._send(_Waiting(key, event, *report))

    def _send(self, waiting: _Waiting) -> None:
        ticket = object()
        self._waiting[ticket] = waiting
        try:
            self._producer.produce(
                topic=self._topic,
                key=waiting.key,
                value=waiting.event,
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
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    waiting.delivered()
        return len(self._waiting)

    def purge(self) -> None:
        for ticket in list(self._waiting):
            waiting = self._waiting.pop(ticket, None)
            if waiting is not None:
                why = "the producer did not report on it"
                waiting.failed(Failure(why, waiting.key, waiting.event, given_up=True))

    def detach(self) -> None:
        pass  # it is the caller's

    def fork(self) -> InjectedTransport:
        if isinstance(self._producer, Producer):
            return InjectedTransport(_Lost(), self._topic, self._failed)
        return InjectedTransport(self._producer, self._topic, self._failed)

    def _reported(self, ticket: object, error: Any, _: Any) -> None:
        waiting = self._waiting.pop(ticket, None)
        if waiting is None:
            return
        if error is None:
            waiting.delivered()
            return
        known = isinstance(error, KafkaError)
        why = error.str() if known else str(error)
        final = known and error.code() in FINAL_ERRORS
        waiting.failed(Failure(why, waiting.key, waiting.event, final=final))


class _Waiting(NamedTuple):
    """An event that the producer has not reported on."""

    key: bytes
    event: bytes
    delivered: Callable[[], object]
    failed: Failed


def _nothing() -> None:
    pass


class _Lost:
    """In the place of a producer whose threads a fork left behind: it would deliver nothing."""

    def produce(self, **_: object) -> None:
        raise RuntimeError(
            "the injected confluent_kafka.Producer was made before a fork and is dead in the child;"
            " make the client after the fork, or let it make its own producer"
        )

    def poll(self, timeout: float) -> None: ...

    def flush(self, timeout: float) -> None: ...

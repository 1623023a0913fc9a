"""A producer that the caller injects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaError, Producer

from .._failure import Failed, Failure
from .._generated.spool import FINAL_ERRORS
from .callbacks import calling


class ProducerLike(Protocol):
    """What a client needs of a producer, such as `confluent_kafka.Producer`.

    `on_delivery(error, message)` is called once per event, with None if it was delivered. `produce`
    raises BufferError while it has no room. `flush` returns how many events it still holds; if it
    returns 0 or None, all of them count as delivered.
    """

    def produce(
        self, *, topic: str, key: bytes, value: bytes, on_delivery: Callable[[Any, Any], None]
    ) -> object: ...
    def poll(self, timeout: float) -> object: ...
    def flush(self, timeout: float) -> int | None: ...


class InjectedTransport:
    """Counts delivery reports, as the producer may have other messages too."""

    needs_polling = True

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
                why = "the producer did not report its delivery"
                waiting.failed(Failure(why, waiting.key, waiting.event, given_up=True))

    def detach(self) -> None:
        pass  # it belongs to the caller

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
    """An event without a delivery report."""

    key: bytes
    event: bytes
    delivered: Callable[[], object]
    failed: Failed


def _nothing() -> None:
    pass


class _Lost:
    """Replaces a producer whose threads do not exist in a forked child."""

    def produce(self, **_: object) -> None:
        raise RuntimeError(
            "the injected confluent_kafka.Producer was created before a fork and does not work in"
            " the child; create the client after the fork, or let it create its own producer"
        )

    def poll(self, timeout: float) -> None: ...

    def flush(self, timeout: float) -> None: ...

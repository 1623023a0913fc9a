"""Writes events that are encoded already to Kafka, and waits until it has them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, Producer
from eka_usage import USAGE_TOPIC

from infra.api.errors import RETRY_SECONDS, AnswerError
from infra.sink import kafka

_POLL = 0.1
# What Kafka will refuse of an event however often it is sent.
_FINAL = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})


class _Pending:
    """Events of one request that Kafka has not reported on; reports come from another thread."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._failed: list[tuple[int, KafkaError]] = []
        self._all_reported = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def report_of(self, index: int) -> Callable[[KafkaError | None, object], None]:
        """Returns what receives the report on one event."""

        def report(error: KafkaError | None, _: object) -> None:
            self._loop.call_soon_threadsafe(self._settle, index, error)

        return report

    async def failed(self) -> list[tuple[int, KafkaError]]:
        """Returns the events that Kafka does not have, in order, those that it refuses first."""
        await self._all_reported.wait()
        return sorted(self._failed, key=lambda each: (each[1].code() not in _FINAL, each[0]))

    def _settle(self, index: int, error: KafkaError | None) -> None:
        self._left -= 1
        if error is not None:
            self._failed.append((index, error))
        if not self._left:
            self._all_reported.set()


class Relay:
    """A producer that acknowledges an event once every in-sync replica has it.

    Args:
        connection: librdkafka's properties of the brokers.
        seconds: how long Kafka may take, after which the client is asked to send again.
    """

    def __init__(self, connection: Mapping[str, Any], seconds: float) -> None:
        properties = {
            **connection,
            **kafka.PRODUCER,
            "enable.idempotence": True,
            "linger.ms": 5,
            "message.timeout.ms": int(seconds * 1000),
        }
        self._producer = Producer(properties)
        # Kafka refuses a batch as a whole, in which there may be events of others.
        self._alone = Producer({**properties, "batch.num.messages": 1})
        self._is_closed = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="relay", daemon=True)
        self._poller.start()

    async def send(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Returns once Kafka has all events, each a key and a value, in their order.

        Raises:
            AnswerError: it refuses one for good, or some may be missing: send all again.
        """
        places = dict(enumerate(events))
        failed = await _produced(self._producer, places)
        refused = {index: events[index] for index, error in failed if error.code() in _FINAL}
        if refused:
            others = [each for each in failed if each[0] not in refused]
            failed = [*await _produced(self._alone, refused), *others]
        for index, error in failed:
            if error.code() in _FINAL:
                raise AnswerError.of("event.invalid", index=index, hint=error.str())
            raise _unavailable(error.str())

    def close(self) -> None:
        """Waits for what is on its way, up to the time that Kafka may take."""
        self._producer.flush()
        self._alone.flush()
        self._is_closed.set()
        self._poller.join()

    def _poll(self) -> None:
        while not self._is_closed.is_set():
            self._producer.poll(_POLL)
            self._alone.poll(0)


async def _produced(
    producer: Producer, events: Mapping[int, tuple[str, bytes]]
) -> list[tuple[int, KafkaError]]:
    """Returns the events that Kafka does not have, by their places."""
    pending = _Pending(len(events))
    for index, (key, value) in events.items():
        try:
            report = pending.report_of(index)
            producer.produce(USAGE_TOPIC, value, key, on_delivery=report)
        except BufferError:
            raise _unavailable("too many events wait for Kafka") from None
    return await pending.failed()


def _unavailable(hint: str) -> AnswerError:
    headers = {"retry-after": str(RETRY_SECONDS)}
    return AnswerError.of("kafka.unavailable", hint=hint, headers=headers)

"""Writes dead letters, and waits until they are acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.decode import Rejection
from infra.sink.dlq.record import dead_letter_headers
from infra.sink.errors import UnavailableError

_SECONDS = 10
_TRUNCATE_TO = 65_536


class DeadLetterProducer:
    """A producer of its own for the dead-letter topic."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._properties = {
            **connection,
            **kafka.PRODUCER,
            "enable.idempotence": True,
            "message.timeout.ms": _SECONDS * 1000,
        }
        self._producer = Producer(self._properties)

    def send(self, letters: Sequence[tuple[Rejection, Message]]) -> None:
        """Writes all dead letters and returns once every in-sync replica has them.

        A dead letter that is too large for the topic, headers included, is truncated and marked as
        such; the whole message stays at its origin for that topic's retention.

        Raises:
            UnavailableError: some may be missing; send all of them again.
        """
        too_large = self._send(letters, truncate=False)
        if too_large:
            self._send(too_large, truncate=True)

    def _send(
        self, letters: Sequence[tuple[Rejection, Message]], *, truncate: bool
    ) -> list[tuple[Rejection, Message]]:
        too_large: list[tuple[Rejection, Message]] = []
        failures: list[KafkaError] = []

        for letter in letters:

            def on_delivery(
                error: KafkaError | None, _: Message, letter: tuple[Rejection, Message] = letter
            ) -> None:
                if error is None:
                    return
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and not truncate:
                    too_large.append(letter)
                else:
                    failures.append(error)

            self._produce(letter, on_delivery, truncate=truncate)
        unacknowledged = self._producer.flush(2 * _SECONDS)
        if any(failure.fatal() for failure in failures):
            self._producer = Producer(self._properties)  # a producer is dead after a fatal error
        if failures or unacknowledged:
            cause = failures[0].str() if failures else "no acknowledgement"
            raise UnavailableError(f"cannot write dead letters to {DEAD_LETTER_TOPIC}: {cause}")
        return too_large

    def _produce(
        self, letter: tuple[Rejection, Message], on_delivery: Any, *, truncate: bool
    ) -> None:
        rejection, message = letter
        value = message.value()
        length = None
        if truncate:
            length = len(value or b"")
            value = (value or b"")[:_TRUNCATE_TO]
        while True:
            try:
                self._producer.produce(
                    DEAD_LETTER_TOPIC,
                    value=value,
                    key=message.key(),
                    headers=dead_letter_headers(message, rejection, length=length),
                    on_delivery=on_delivery,
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as failure:
                raise UnavailableError(
                    f"cannot write dead letters to {DEAD_LETTER_TOPIC}: {failure}"
                ) from None
            else:
                return

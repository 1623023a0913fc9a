"""Writes dead letters, and knows that they arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.decode import Refusal
from infra.sink.dlq.record import headers_of
from infra.sink.errors import UnavailableError

_SECONDS = 10
# The broker alone says what is too large.
_NO_LIMIT = 1_000_000_000
_CUT_TO = 65_536


class DeadLetterProducer:
    """A producer of its own to the dead letter topic."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._properties = {
            **connection,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": _NO_LIMIT,
            "message.timeout.ms": _SECONDS * 1000,
            "log_level": 0,
        }
        self._producer = Producer(self._properties)

    def send(self, letters: Sequence[tuple[Refusal, Message]]) -> None:
        """Writes them all and returns when every replica in sync has them.

        A letter that with its headers is larger than the topic takes is cut, and says so; the whole
        message stays where its origin says for as long as that topic keeps it.

        Raises:
            UnavailableError: some may be missing; send all of them again.
        """
        too_large = self._send(letters, cut=False)
        if too_large:
            self._send(too_large, cut=True)

    def _send(
        self, letters: Sequence[tuple[Refusal, Message]], *, cut: bool
    ) -> list[tuple[Refusal, Message]]:
        too_large: list[tuple[Refusal, Message]] = []
        failures: list[KafkaError] = []

        for letter in letters:

            def reported(
                error: KafkaError | None, _: Message, letter: tuple[Refusal, Message] = letter
            ) -> None:
                if error is None:
                    return
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and not cut:
                    too_large.append(letter)
                else:
                    failures.append(error)

            self._produce(letter, reported, cut=cut)
        left = self._producer.flush(2 * _SECONDS)
        if any(failure.fatal() for failure in failures):
            self._producer = Producer(self._properties)  # that one sends nothing any more
        if failures or left:
            why = failures[0].str() if failures else "no answer"
            raise UnavailableError(f"{DEAD_LETTER_TOPIC} took no dead letters: {why}")
        return too_large

    def _produce(self, letter: tuple[Refusal, Message], reported: Any, *, cut: bool) -> None:
        refusal, message = letter
        value = message.value()
        length = None
        if cut:
            length = len(value or b"")
            value = (value or b"")[:_CUT_TO]
        while True:
            try:
                self._producer.produce(
                    DEAD_LETTER_TOPIC,
                    value=value,
                    key=message.key(),
                    headers=headers_of(message, refusal, length=length),
                    on_delivery=reported,
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as failure:
                raise UnavailableError(f"cannot write to {DEAD_LETTER_TOPIC}: {failure}") from None
            else:
                return

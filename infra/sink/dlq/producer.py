"""Writes dead letters, and waits until they are acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.sink import headers, kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC
from infra.sink.decode import Rejection
from infra.sink.dlq.record import dead_letter_headers, truncation_headers
from infra.sink.errors import UnavailableError
from infra.sink.headers import Headers

_SECONDS = 10
_TRUNCATE_TO = 65_536
_LONGEST_KEY = 1_024

Letter = tuple[Rejection, Message]


class _Form(NamedTuple):
    """A dead letter as it is produced."""

    value: bytes | None
    key: bytes | None
    headers: Headers


def forms(letter: Letter) -> Iterator[_Form]:
    """Yields a dead letter from its whole form to ever smaller ones: the last has no foreign byte.

    Without the message's headers it can still be replayed; without all of its value or its key it
    cannot, and the whole message stays at its origin for that topic's retention.
    """
    rejection, message = letter
    value, key = headers.as_bytes(message.value()), headers.as_bytes(message.key())
    added = dead_letter_headers(message, rejection)
    own = headers.without_reserved(headers.read(message))
    length = len(value or b"")
    yield _Form(value, key, [*own, *added])
    yield _Form(value, key, [*added, *truncation_headers(length, "headers")])
    kept = key if len(key or b"") <= _LONGEST_KEY else None
    lost = "headers" if kept == key else "headers, key"
    cut = None if value is None else value[:_TRUNCATE_TO]
    yield _Form(cut, kept, [*added, *truncation_headers(length, lost)])
    yield _Form(None, None, [*added, *truncation_headers(length, "headers, key, value")])


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

    def send(self, letters: Sequence[Letter]) -> None:
        """Writes all dead letters and returns once every in-sync replica has them.

        One that is too large for the topic is written in the largest of its forms that fits.

        Raises:
            UnavailableError: some may be missing; send all of them again.
        """
        whole = ((index, next(forms(letter))) for index, letter in enumerate(letters))
        # The broker rejects a batch as a whole, so each of these is tried again by itself.
        for index in self._send(whole):
            if not any(not self._send([(index, form)]) for form in forms(letters[index])):
                raise UnavailableError(
                    f"cannot write dead letters to {DEAD_LETTER_TOPIC}: its max.message.bytes is "
                    "too small even for an origin and a reason"
                )

    def _send(self, forms: Iterable[tuple[int, _Form]]) -> list[int]:
        """Produces dead letters; returns the indexes of those that are too large."""
        too_large: list[int] = []
        failures: list[KafkaError] = []

        for index, form in forms:

            def on_delivery(error: KafkaError | None, _: Message, index: int = index) -> None:
                if error is None:
                    return
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    too_large.append(index)
                else:
                    failures.append(error)

            self._produce(form, on_delivery)
        unacknowledged = self._producer.flush(2 * _SECONDS)
        if any(failure.fatal() for failure in failures):
            self._producer = Producer(self._properties)  # a producer is dead after a fatal error
        if failures or unacknowledged:
            cause = failures[0].str() if failures else "no acknowledgement"
            raise UnavailableError(f"cannot write dead letters to {DEAD_LETTER_TOPIC}: {cause}")
        return sorted(too_large)

    def _produce(self, form: _Form, on_delivery: Any) -> None:
        while True:
            try:
                self._producer.produce(DEAD_LETTER_TOPIC, **form._asdict(), on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as failure:
                raise UnavailableError(
                    f"cannot write dead letters to {DEAD_LETTER_TOPIC}: {failure}"
                ) from None
            else:
                return

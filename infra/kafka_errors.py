"""Why Kafka did not answer: what a client heard meanwhile says more than that time ran out."""

from __future__ import annotations

from typing import Protocol

from confluent_kafka import KafkaError, KafkaException


class _Client(Protocol):
    def poll(self, timeout: float, /) -> object: ...


class LastError:
    """What a client heard; it is the client's `error_cb`."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, error: KafkaError) -> None:
        """Keeps the latest."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  the others say why
            self._said = error.str()

    def describe(self, client: _Client, failure: KafkaException) -> str:
        """The words for a call of the client that failed."""
        client.poll(0)  # only then is it told
        return self._said or str(failure.args[0].str())

"""Why a call to Kafka failed: a client's background errors are more specific than "timed out"."""

from __future__ import annotations

from typing import Protocol

from confluent_kafka import KafkaError, KafkaException


class _Client(Protocol):
    def poll(self, timeout: float, /) -> object: ...


class LastError:
    """The latest error that a client reported; pass it to the client as `error_cb`."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, error: KafkaError) -> None:
        """Keeps the error."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  the others name the cause
            self.text = error.str()

    def describe(self, client: _Client, failure: KafkaException) -> str:
        """Returns the cause of a failed call of the client."""
        client.poll(0)  # error_cb runs only inside poll
        return self.text or str(failure.args[0].str())

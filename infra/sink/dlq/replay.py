"""Replays dead letters: produces their messages to the usage topic again, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.dlq.record import DeadLetter, marker_headers, replay_headers
from infra.sink.errors import SinkError

_PER_TRANSACTION, _BYTES_PER_TRANSACTION = 500, 16 * 2**20
_SECONDS = 20
TRANSACTIONAL_ID = f"{DEAD_LETTER_TOPIC}.replay"


def replay(
    connection: Mapping[str, Any], choose: Callable[[], Iterable[DeadLetter]]
) -> Iterator[DeadLetter]:
    """Replays the dead letters that `choose` reads, and yields each once that is committed.

    A message and the marker that it was replayed are one transaction: both are written or neither
    is, wherever this process crashes. The marker is in the dead-letter topic, so that it outlives
    the dead letter. All replays share one transactional id: starting another one fences the first,
    and only then is `choose` called, which reads the markers.

    Raises:
        UnavailableError: Kafka does not answer; what was replayed until then is marked.
        SinkError: another replay fenced this one.
    """
    last_error = LastError()
    producer = Producer(
        {
            **connection,
            **kafka.PRODUCER,
            "transactional.id": TRANSACTIONAL_ID,
            "error_cb": last_error,
        }
    )
    try:
        producer.init_transactions(_SECONDS)
        for letters in _batches(choose()):
            _replay_transaction(producer, letters)
            yield from letters
    except KafkaException as failure:
        error = failure.args[0]
        if error.fatal():
            raise SinkError(f"replay stopped, another replay took over: {error.str()}") from None
        cause = last_error.describe(producer, failure)
        raise kafka.command_error("replay to", USAGE_TOPIC, connection, failure, cause) from None


def _batches(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        batch.append(letter)
        size += letter.length
        if len(batch) == _PER_TRANSACTION or size >= _BYTES_PER_TRANSACTION:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _replay_transaction(producer: Producer, letters: Sequence[DeadLetter]) -> None:
    producer.begin_transaction()
    for letter in letters:
        producer.produce(
            USAGE_TOPIC, value=letter.value, key=letter.key, headers=replay_headers(letter)
        )
        producer.produce(DEAD_LETTER_TOPIC, key=letter.key, headers=marker_headers(letter))
    producer.commit_transaction(_SECONDS)

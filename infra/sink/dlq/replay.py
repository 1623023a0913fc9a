"""Replays dead letters: produces their messages to the usage topic again, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.dlq import reader
from infra.sink.dlq.reader import DeadLetters
from infra.sink.dlq.record import REPLAYED, DeadLetter, replay_headers
from infra.sink.errors import SinkError

_PER_TRANSACTION = 500
_SECONDS = 20


def replay(
    connection: Mapping[str, Any], choose: Callable[[DeadLetters], Iterable[DeadLetter]]
) -> list[DeadLetter]:
    """Replays the dead letters that `choose` selects, and returns them.

    A message and the marker that it was replayed are one transaction: both are written or neither
    is, wherever this process crashes. The marker is in the dead-letter topic, so that it outlives
    the dead letter. All replays share one transactional id: starting another one fences the first,
    and only then reads the markers.

    Raises:
        UnavailableError: Kafka does not answer; what was replayed until then is marked.
        SinkError: another replay fenced this one.
    """
    last_error = LastError()
    producer = Producer(
        {
            **connection,
            **kafka.PRODUCER,
            "transactional.id": f"{DEAD_LETTER_TOPIC}.replay",
            "error_cb": last_error,
        }
    )
    try:
        producer.init_transactions(_SECONDS)
        chosen = list(choose(reader.read(connection)))
        for start in range(0, len(chosen), _PER_TRANSACTION):
            _replay_transaction(producer, chosen[start : start + _PER_TRANSACTION])
    except KafkaException as failure:
        error = failure.args[0]
        if error.fatal():
            raise SinkError(f"replay stopped, another replay took over: {error.str()}") from None
        cause = last_error.describe(producer, failure)
        raise kafka.command_error("replay to", USAGE_TOPIC, connection, failure, cause) from None
    return chosen


def _replay_transaction(producer: Producer, letters: Sequence[DeadLetter]) -> None:
    producer.begin_transaction()
    for letter in letters:
        producer.produce(
            USAGE_TOPIC, value=letter.value, key=letter.key, headers=replay_headers(letter)
        )
        producer.produce(
            DEAD_LETTER_TOPIC, key=letter.key, headers=[(REPLAYED, str(letter.origin))]
        )
    producer.commit_transaction(_SECONDS)

"""Puts dead letters back on the usage topic, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from infra.kafka_errors import LastError
from infra.sink import kafka
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.dlq import reader
from infra.sink.dlq.reader import DeadLetters
from infra.sink.dlq.record import REPLAYED, DeadLetter, replayed_headers
from infra.sink.errors import SinkError

_TOGETHER = 500
_SECONDS = 20
_NO_LIMIT = 1_000_000_000


def replay(
    connection: Mapping[str, Any], choose: Callable[[DeadLetters], Iterable[DeadLetter]]
) -> list[DeadLetter]:
    """Replays the letters that `choose` picks of those that wait, and returns them.

    A message and the mark that it was replayed are one transaction: both are there or neither is,
    wherever this process dies. The mark stands in the dead letter topic, so that it outlives the
    letter that it is about. All replays share one transactional id: a second one that starts ends
    the first, and looks only then at what is marked.

    Raises:
        UnavailableError: Kafka does not answer; what was replayed until then is marked.
        SinkError: another replay took over.
    """
    last_error = LastError()
    producer = Producer(
        {
            **connection,
            "transactional.id": f"{DEAD_LETTER_TOPIC}.replay",
            "partitioner": "murmur2_random",
            # What the broker had once, it takes again.
            "message.max.bytes": _NO_LIMIT,
            "error_cb": last_error,
            "log_level": 0,
        }
    )
    try:
        producer.init_transactions(_SECONDS)
        chosen = list(choose(reader.read(connection)))
        for start in range(0, len(chosen), _TOGETHER):
            _replay_together(producer, chosen[start : start + _TOGETHER])
    except KafkaException as failure:
        error = failure.args[0]
        if error.fatal():
            raise SinkError(f"another replay took over, this one ends: {error.str()}") from None
        why = last_error.describe(producer, failure)
        raise kafka.failed("replay to", USAGE_TOPIC, connection, failure, why) from None
    return chosen


def _replay_together(producer: Producer, letters: Sequence[DeadLetter]) -> None:
    producer.begin_transaction()
    for letter in letters:
        producer.produce(
            USAGE_TOPIC, value=letter.value, key=letter.key, headers=replayed_headers(letter)
        )
        producer.produce(
            DEAD_LETTER_TOPIC, key=letter.key, headers=[(REPLAYED, str(letter.origin))]
        )
    producer.commit_transaction(_SECONDS)

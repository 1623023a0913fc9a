"""Dead letters of Kafka Connect: of a whole batch, with the reason in a stack trace only."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from infra.sink.__main__ import main
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, ID, USAGE_TOPIC
from infra.sink.dlq import reader
from tests.broker import DevBroker
from tests.sink.harness import SECONDS, encoded, event

_ANSWER = (
    "Code: 469. DB::Exception: Constraint `valid_quantity` for table eka_usage.usage_events is "
    "violated at row 5. Expression: (quantity >= 0). (VIOLATED_CONSTRAINT)"
)
_STACK = (
    "org.apache.kafka.connect.errors.DataException: Query id: 5f1c\n"
    "\tat com.clickhouse.kafka.connect.sink.processing.Processor.doLogic(Processor.java:174)\n"
    f"Caused by: com.clickhouse.client.api.ServerException: {_ANSWER} (version 26.9.1.1)\n"
    + "\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
    * 90
)


def produce_letters(bootstrap: str, values: list[bytes]) -> None:
    """Produces dead letters as Connect does for a batch."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.metrics.push": False})
    for offset, value in enumerate(values):
        headers = {
            "topic": USAGE_TOPIC,
            "partition": "0",
            "offset": str(offset),
            "exception.message": "Query id: 5f1c",
            "exception.stacktrace": _STACK,
        }
        named: dict[str, str | bytes | None] = {
            f"__connect.errors.{name}": text for name, text in headers.items()
        }
        producer.produce(DEAD_LETTER_TOPIC, value=value, headers=named)
    assert producer.flush(SECONDS) == 0


def test_they_show_the_answer_of_clickhouse_and_which_ones_are_events(
    own_broker: DevBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    values = [encoded(event(**{ID: str(n)})) for n in range(20)]
    values.insert(4, encoded(event(quantity=-500)))
    produce_letters(own_broker.bootstrap, values)
    to = ["--brokers", own_broker.bootstrap]
    assert main(["dlq", "list", *to]) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    assert all(line.endswith(f"connect: {_ANSWER}") for line in lines)
    assert [line for line in lines if ", an event  " not in line] == [
        line for line in lines if line.startswith(f"{USAGE_TOPIC}/0/4 ")
    ]
    assert total == "21 dead letters: connect 21; 20 are events"
    assert main(["dlq", "show", f"{USAGE_TOPIC}/0/4", *to]) == 0
    assert f"reason    connect: {_ANSWER}\n" in capsys.readouterr().out

    assert main(["dlq", "replay", "--events", *to]) == 0
    assert capsys.readouterr().out.endswith("20 replayed\n")
    pending = reader.read({"bootstrap.servers": own_broker.bootstrap})
    assert [each.letter.value for each in pending if not each.replayed] == [values[4]]

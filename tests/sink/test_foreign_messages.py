"""Whatever comes with a message of the usage topic stops no sink and hides no dead letter."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from infra.sink.__main__ import main
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, USAGE_TOPIC
from infra.sink.dlq import reader
from infra.sink.dlq.origins import OriginSet
from infra.sink.dlq.reader import Found
from infra.sink.dlq.record import Origin
from tests.broker import DevBroker
from tests.e2e.reader import read_messages
from tests.sink.harness import SECONDS, Sink, encoded, event, produce
from tests.sink.raw_header import produce_with_header_name

_CONNECT = "__connect.errors."
_FOREIGN: Mapping[str, list[tuple[str, bytes | None]]] = {
    "too many digits": [("dead_letter.replays", b"9" * 5_000)],
    "other digits": [("dead_letter.replays", "²٣".encode()), ("dead_letter.length", "²".encode())],
    "a length": [("dead_letter.length", b"5"), ("dead_letter.without", b"key")],
    "a marker": [("dead_letter.replayed", f"{USAGE_TOPIC}/0/0".encode())],
    "no marker": [("dead_letter.replayed", b"\xff/")],
    "an origin": [
        (f"{_CONNECT}topic", USAGE_TOPIC.encode()),
        (f"{_CONNECT}partition", b"0"),
        (f"{_CONNECT}offset", b"0"),
    ],
    "no origin": [
        (f"{_CONNECT}topic", b"\x1b[2J"),
        (f"{_CONNECT}partition", b"1" * 5_000),
        (f"{_CONNECT}offset", None),
    ],
    "a reason": [(f"{_CONNECT}exception.message", b"malformed\n" * 9_000)],
}
_GENUINE = [
    (f"{_CONNECT}topic", USAGE_TOPIC.encode()),
    (f"{_CONNECT}partition", b"0"),
    (f"{_CONNECT}exception.message", b"Exception thrown"),
]


def found(broker: DevBroker) -> list[Found]:
    return list(reader.read({"bootstrap.servers": broker.bootstrap}))


def produce_dead_letters(broker: DevBroker, letters: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False})
    for letter in letters:
        producer.produce(DEAD_LETTER_TOPIC, **letter)
        producer.poll(0)
    assert producer.flush(SECONDS) == 0


def limit_messages(broker: DevBroker, most: int) -> None:
    """Sets max.message.bytes of the dead-letter topic."""
    resource = ConfigResource(
        ResourceType.TOPIC,
        DEAD_LETTER_TOPIC,
        incremental_configs=[
            ConfigEntry("max.message.bytes", str(most), incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "enable.metrics.push": False})
    admin.incremental_alter_configs([resource])[resource].result(SECONDS)


def run_sink(broker: DevBroker, folder: Path) -> None:
    with Sink(broker.bootstrap, folder).migrate() as sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0


def test_reserved_headers_of_a_usage_message_stop_nothing_and_hide_nothing(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    produce(own_broker.bootstrap, [b"the first"], partition=0)
    for headers in _FOREIGN.values():
        produce(own_broker.bootstrap, [b"no event"], headers=headers, partition=0)
    produce(own_broker.bootstrap, [b"no event"], timestamp=2**53, partition=0)
    repeated = 20  # the interpreter specializes a call after some
    produce_with_header_name(
        own_broker.bootstrap, USAGE_TOPIC, b"\xff\xfe", b"no event", times=repeated
    )
    count = len(_FOREIGN) + 2 + repeated
    run_sink(own_broker, tmp_path)
    letters = found(own_broker)
    assert {letter.origin for letter, _ in letters} == {
        Origin.of(message) for message in read_messages(own_broker.bootstrap)
    }
    assert not any(replayed for _, replayed in letters)
    assert all(letter.complete and letter.headers == [] for letter, _ in letters)
    brokers = ("--brokers", own_broker.bootstrap)
    assert main(["dlq", "list", *brokers]) == 0
    assert f"{count} dead letters: malformed {count}\n" in capsys.readouterr().out
    assert main(["dlq", "replay", "--all", *brokers]) == 0
    assert capsys.readouterr().out.endswith(f"{count} replayed\n")


def test_what_kafka_connect_keeps_of_a_messages_headers_hides_nothing(
    own_broker: DevBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connect writes a message's own headers and its timestamp, and then its own headers."""
    letters = [
        {
            "value": None if number % 2 else b"{}",
            "headers": [*headers, *_GENUINE, (f"{_CONNECT}offset", str(number).encode())],
            "timestamp": 2**53,
        }
        for number, headers in enumerate(_FOREIGN.values())
    ]
    produce_dead_letters(own_broker, letters)
    read = found(own_broker)
    origins = {Origin(USAGE_TOPIC, 0, number) for number in range(len(letters))}
    assert {letter.origin for letter, _ in read} == origins
    assert all(letter.complete and not replayed for letter, replayed in read)
    assert main(["dlq", "list", "--brokers", own_broker.bootstrap]) == 0
    listed = capsys.readouterr().out
    assert f"{len(letters)} dead letters: connect {len(letters)}\n" in listed


def test_a_dead_letter_fits_its_topic_whatever_its_message_carries(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    large = b"x" * 1_048_300
    produce(own_broker.bootstrap, [b"v"], key=large)
    produce(own_broker.bootstrap, [b"v"], key=b"k", headers=[("h", large)])
    produce(own_broker.bootstrap, [b"v"], key=b"k", headers=[("h", b"x" * 97)] * 10_380)
    produce(own_broker.bootstrap, [large], key=b"k")
    produce(own_broker.bootstrap, [b"v"], key=b"k")
    produce(own_broker.bootstrap, [encoded(event())])
    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    with sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sink.rows() == [(1,)]
    letters = [letter for letter, _ in found(own_broker)]
    assert Counter((each.without, each.complete) for each in letters) == {
        ("headers, key", False): 1,
        ("headers", True): 2,
        ("headers", False): 1,
        ("", True): 1,
    }


def test_a_dead_letter_is_its_origin_and_its_reason_in_the_last_resort(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    limit_messages(own_broker, 2_000)
    produce(own_broker.bootstrap, [b"x" * 9_000], key=b"k" * 900, partition=3)
    run_sink(own_broker, tmp_path)
    [(letter, _)] = found(own_broker)
    assert letter.origin == Origin(USAGE_TOPIC, 3, 0)
    assert letter.code == "malformed"
    assert (letter.value, letter.key, letter.length) == (None, None, 9_000)
    assert not letter.complete


def test_a_list_has_the_oldest_and_the_count_of_each_reason(
    own_broker: DevBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = f"{_CONNECT}exception.message"
    produce_dead_letters(
        own_broker,
        [
            {
                "value": b"x",
                "key": str(number),
                "headers": [(reason, b"malformed: \x1b[2J" if number % 3 else b"empty: no\nvalue")],
                "timestamp": 1_700_000_000_000 + number,
            }
            for number in range(3_000)
        ],
    )
    for limit, lines in (("5", 5), ("0", 0)):
        command = ["dlq", "list", "--limit", limit, "--brokers", own_broker.bootstrap]
        assert main(command) == 0
        listed = capsys.readouterr().out
        *letters, total = listed.splitlines()
        assert len(letters) == lines
        assert total.startswith("3000 dead letters: empty 1000, malformed 2000; ")
        assert "\x1b" not in listed
    command = ["dlq", "list", "--reason", "empty", "--brokers", own_broker.bootstrap]
    assert main(command) == 0
    listed = capsys.readouterr().out
    assert r"empty: no\nvalue" in listed.splitlines()[0]
    assert "1000 dead letters: empty 1000" in listed.splitlines()[-1]


def test_a_flood_of_dead_letters_takes_little_memory() -> None:
    origins = OriginSet()
    for offset in range(100_000):
        assert origins.add(Origin("t", offset % 10, offset // 10))
    assert not origins.add(Origin("t", 0, 0))
    assert Origin("t", 9, 9_999) in origins
    assert Origin("t", 9, 10_000) not in origins
    chunks = origins._chunks
    assert sum(map(sys.getsizeof, chunks.values())) + sys.getsizeof(chunks) < 100_000

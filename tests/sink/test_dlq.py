"""Dead letters are listed, shown and replayed, each at most once."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.sink.__main__ import main
from infra.sink._generated.fields import DEAD_LETTER_TOPIC, ENVIRONMENT_PREFIX, ID, USAGE_TOPIC
from infra.sink.dlq.record import REPLAYS
from tests.broker import DevBroker
from tests.e2e.reader import ends, read_messages
from tests.sink.harness import SECONDS, Sink, encoded, event, produce

_ORIGIN = re.compile(rf"^{re.escape(USAGE_TOPIC)}/\d+/\d+", re.MULTILINE)


def command(broker: DevBroker, *arguments: str) -> list[str]:
    action, *rest = arguments
    options = ["--brokers", broker.bootstrap, *rest]
    return [sys.executable, "-m", "infra.sink", "dlq", action, *options]


def dlq(broker: DevBroker, *arguments: str, status: int = 0) -> str:
    ended = subprocess.run(
        command(broker, *arguments), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ended.returncode == status, ended.stderr
    return ended.stdout if status == 0 else ended.stderr


def dead_letter(broker: DevBroker, folder: Path, *messages: bytes) -> None:
    """Produces messages that are not events, and runs a sink until it has none left."""
    produce(broker.bootstrap, messages, key=b"\xffkey", headers=[("trace", b"\x01")], partition=2)
    with Sink(broker.bootstrap, folder).migrate() as sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0


def produced(broker: DevBroker) -> int:
    """The number of messages in the usage topic."""
    return sum(end.offset for end in ends(broker.bootstrap))


def test_a_dead_letter_is_listed_shown_and_replayed_with_its_own_value_key_and_headers(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    message = bytes(range(256))
    dead_letter(own_broker, tmp_path, message)
    listed = dlq(own_broker, "list")
    [name] = _ORIGIN.findall(listed)
    assert "malformed: " in listed
    assert "1 dead letters: malformed 1" in listed
    shown = dlq(own_broker, "show", name)
    assert f"0x{message.hex()}" in shown
    assert 'header trace "\\u0001"' in shown
    assert dlq(own_broker, "replay", name).endswith("1 replayed\n")
    # The replay goes to the partition of its key, and partitions are read in no order.
    found = read_messages(own_broker.bootstrap)
    assert [(each.value(), each.key()) for each in found] == [(message, b"\xffkey")] * 2
    assert sorted((each.headers() or [] for each in found), key=len) == [
        [("trace", b"\x01")],
        [("trace", b"\x01"), (REPLAYS, b"1")],
    ]


def test_a_dead_letter_close_to_the_size_limit_is_replayed(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    dead_letter(own_broker, tmp_path, b"x" * 1_030_000)
    assert dlq(own_broker, "replay", "--all").endswith("1 replayed\n")


def test_the_error_for_missing_brokers_names_the_variable_and_the_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS"
    monkeypatch.delenv(variable, raising=False)
    assert main(["dlq", "list"]) == 2
    error = capsys.readouterr().err
    assert variable in error
    assert "--brokers" in error


def test_a_dead_letter_is_replayed_once_and_its_replays_are_counted_when_it_fails_again(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    dead_letter(own_broker, tmp_path, b"no event")
    [name] = _ORIGIN.findall(dlq(own_broker, "list"))
    for expected in ("1 replayed\n", "0 replayed\n"):
        assert dlq(own_broker, "replay", name).endswith(expected)
    assert dlq(own_broker, "list") == "0 dead letters\n"
    dead_letter(own_broker, tmp_path)
    listed = dlq(own_broker, "list")
    [again] = _ORIGIN.findall(listed)
    assert again != name
    assert "replays 1" in listed
    assert "replayed" in next(
        line for line in dlq(own_broker, "list", "--all").splitlines() if line.startswith(name)
    )


def test_a_rejected_event_is_stored_by_a_replay_after_the_fix(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    """The fix here drops the constraint that rejected the event."""
    from infra.sink._generated.fields import DATABASE, TABLE

    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    table = f"{DATABASE}.{TABLE}"
    with sink.store() as client:
        client.command(f"ALTER TABLE {table} ADD CONSTRAINT none CHECK {ID} = 'none'")
    dead_letter(own_broker, tmp_path, *(encoded(event(**{ID: f"id-{n}"})) for n in range(20)))
    assert sink.rows() == [(0,)]
    with sink.store() as client:
        client.command(f"ALTER TABLE {table} DROP CONSTRAINT none")
    assert dlq(own_broker, "replay", "--reason", "malformed") == "0 replayed\n"
    assert dlq(own_broker, "replay", "--reason", "refused").endswith("20 replayed\n")
    dead_letter(own_broker, tmp_path)
    assert sink.rows() == [(20,)]


def test_a_replay_killed_at_any_moment_replays_nothing_twice_and_can_be_finished(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    count = 3000
    letters = Producer({"bootstrap.servers": own_broker.bootstrap, "enable.metrics.push": False})
    for number in range(count):
        letters.produce(DEAD_LETTER_TOPIC, value=str(number).encode(), key=str(number % 50))
        letters.poll(0)
    assert letters.flush(SECONDS) == 0
    chance = random.Random()
    for _ in range(6):
        enough = produced(own_broker) + chance.choice((0, 1, count // 4))
        replay = subprocess.Popen(command(own_broker, "replay", "--all"), stdout=subprocess.DEVNULL)
        while replay.poll() is None and produced(own_broker) < enough:
            pass
        time.sleep(chance.uniform(0, 0.1))
        replay.kill()
        replay.wait()
    dlq(own_broker, "replay", "--all")
    found = Counter(message.value() for message in read_messages(own_broker.bootstrap))
    assert len(found) == count
    assert set(found.values()) == {1}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["replay"], "nothing selected"),
        (["replay", "--all", "a/0/1"], "nothing selected"),
        (
            ["replay", "a/0/1", "nonsense"],
            "must be topic/partition/offset as `dlq list` prints it, got 'nonsense'",
        ),
        (
            ["show", "nonsense"],
            "must be topic/partition/offset as `dlq list` prints it, got 'nonsense'",
        ),
    ],
)
def test_a_usage_error_is_reported_before_kafka_is_contacted(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["dlq", *arguments, "--brokers", "127.0.0.1:1"])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    assert text in capsys.readouterr().err


def test_a_dead_letter_that_does_not_exist_is_reported_by_name(own_broker: DevBroker) -> None:
    assert "no dead letter a/0/1: " in dlq(own_broker, "show", "a/0/1", status=1)

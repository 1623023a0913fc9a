"""Dead letters are listed, shown and put back, each at most once."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
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


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """One whose topics nobody else reads or writes."""
    with DevBroker(data_dir=tmp_path / "kafka") as running:
        yield running


def command(broker: DevBroker, *arguments: str) -> list[str]:
    action, *rest = arguments
    told = ["dlq", action, "--brokers", broker.bootstrap, *rest]
    return [sys.executable, "-m", "infra.sink", *told]


def dlq(broker: DevBroker, *arguments: str, status: int = 0) -> str:
    ended = subprocess.run(
        command(broker, *arguments), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ended.returncode == status, ended.stderr
    return ended.stdout if status == 0 else ended.stderr


def set_apart(broker: DevBroker, folder: Path, *messages: bytes) -> None:
    """Has a sink find messages that are no events; one run for each."""
    produce(broker.bootstrap, messages, key=b"\xffkey", headers=[("trace", b"\x01")], partition=2)
    with Sink(broker.bootstrap, folder).migrate() as sink:
        sink.until("lag 0")
        assert sink.end() == 0


def replayed(broker: DevBroker) -> int:
    """How far the usage topic has grown."""
    return sum(end.offset for end in ends(broker.bootstrap))


def test_a_letter_is_listed_shown_and_replayed_with_its_own_bytes_key_and_headers(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    message = bytes(range(256))
    set_apart(own_broker, tmp_path, message)
    listed = dlq(own_broker, "list")
    [name] = _ORIGIN.findall(listed)
    assert "malformed: " in listed
    assert "1 dead letters: malformed 1" in listed
    shown = dlq(own_broker, "show", name)
    assert f"0x{message.hex()}" in shown
    assert 'header trace "\\u0001"' in shown
    assert dlq(own_broker, "replay", name).endswith("1 replayed\n")
    first, again = read_messages(own_broker.bootstrap)
    assert (again.value(), again.key()) == (message, b"\xffkey")
    assert first.value() == message
    assert again.headers() == [("trace", b"\x01"), (REPLAYS, b"1")]


def test_a_letter_of_almost_the_largest_size_is_replayed(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    set_apart(own_broker, tmp_path, b"x" * 1_030_000)
    assert dlq(own_broker, "replay", "--all").endswith("1 replayed\n")


def test_without_brokers_both_ways_to_name_them_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS"
    monkeypatch.delenv(variable, raising=False)
    assert main(["dlq", "list"]) == 2
    said = capsys.readouterr().err
    assert variable in said
    assert "--brokers" in said


def test_a_letter_is_replayed_once_and_one_that_fails_anew_counts_its_replays(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    set_apart(own_broker, tmp_path, b"no event")
    [name] = _ORIGIN.findall(dlq(own_broker, "list"))
    for expected in ("1 replayed\n", "0 replayed\n"):
        assert dlq(own_broker, "replay", name).endswith(expected)
    assert dlq(own_broker, "list") == "0 dead letters\n"
    set_apart(own_broker, tmp_path)
    listed = dlq(own_broker, "list")
    [anew] = _ORIGIN.findall(listed)
    assert anew != name
    assert "replays 1" in listed
    assert "replayed" in next(
        line for line in dlq(own_broker, "list", "--all").splitlines() if line.startswith(name)
    )


def test_an_event_that_was_refused_is_stored_once_its_sink_was_mended(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    """The fix is an event that the table takes: here the constraint that refused it goes."""
    from infra.sink._generated.fields import DATABASE, TABLE

    sink = Sink(own_broker.bootstrap, tmp_path).migrate()
    table = f"{DATABASE}.{TABLE}"
    with sink.store() as client:
        client.command(f"ALTER TABLE {table} ADD CONSTRAINT none CHECK {ID} = ''")
    set_apart(own_broker, tmp_path, *(encoded(event(**{ID: f"id-{n}"})) for n in range(20)))
    assert sink.rows() == [(0,)]
    with sink.store() as client:
        client.command(f"ALTER TABLE {table} DROP CONSTRAINT none")
    assert dlq(own_broker, "replay", "--reason", "malformed") == "0 replayed\n"
    assert dlq(own_broker, "replay", "--reason", "refused").endswith("20 replayed\n")
    set_apart(own_broker, tmp_path)
    assert sink.rows() == [(20,)]


def test_a_replay_that_is_killed_at_any_moment_never_doubles_and_can_be_finished(
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
        enough = replayed(own_broker) + chance.choice((0, 1, count // 4))
        replay = subprocess.Popen(command(own_broker, "replay", "--all"), stdout=subprocess.DEVNULL)
        while replay.poll() is None and replayed(own_broker) < enough:
            pass
        time.sleep(chance.uniform(0, 0.1))
        replay.kill()
        replay.wait()
    dlq(own_broker, "replay", "--all")
    found = Counter(message.value() for message in read_messages(own_broker.bootstrap))
    assert len(found) == count
    assert set(found.values()) == {1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay"], "say which"),
        (["replay", "--all", "a/0/1"], "say which"),
        (["replay", "a/0/1", "nonsense"], "'nonsense' is no topic/partition/offset"),
        (["show", "nonsense"], "'nonsense' is no topic/partition/offset"),
    ],
)
def test_wrong_use_is_told_what_to_do_before_kafka_is_asked(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["dlq", *arguments, "--brokers", "127.0.0.1:1"])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    assert words in capsys.readouterr().err


def test_a_letter_that_is_not_there_is_told_from_one_that_is(own_broker: DevBroker) -> None:
    assert "there is no dead letter a/0/1" in dlq(own_broker, "show", "a/0/1", status=1)

"""Accepted events are numbered from 1 without gaps and reach the broker once, in order."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from sdks.python.tests.support import VALID, ClientFactory, ReportedErrors
from sdks.python.tests.topic_reader import TopicReader
from tests.waiting import eventually

THREADS = 32


def in_threads(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Runs the function in each thread, and waits for all of them."""
    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def assert_complete(events: list[Any], accepted: list[str]) -> None:
    """Asserts that each accepted id is there exactly once, numbered without gaps."""
    assert Counter(event["event_id"] for event in events) == Counter(accepted)
    assert sorted(event["seq"] for event in events) == list(range(1, len(accepted) + 1))
    assert len({event["instance_id"] for event in events}) <= 1


def test_a_rejected_event_takes_no_sequence_number(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    client = make_client()
    rejected: list[dict[str, Any]] = [
        {"workspace_id": ""},
        {"product": "bogus"},
        {"quantity": -1},
        {"metadata": []},
        {"event_id": ""},
        {"occurred_at": "then"},
    ]
    accepted = []
    for invalid in rejected:
        assert client._record(**{**VALID, **invalid}) is None
        accepted.append(client.record(**VALID))
    assert client.flush(10) == 0
    assert [(event["event_id"], event["seq"]) for event in topic.events()] == [
        (event_id, seq) for seq, event_id in enumerate(accepted, 1)
    ]


def test_numbers_have_no_gaps_with_many_threads_and_invalid_events(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    client = make_client()
    accepted: list[str] = []

    def work(number: int) -> None:
        source = random.Random(number)
        for _ in range(100):
            quantity = source.choice([1, 2.5, -1, "3"])
            event_id = client._record(f"ws-{number}", "api", "api_call", quantity)  # type: ignore[arg-type]
            if event_id is not None:
                accepted.append(event_id)

    in_threads(work)
    assert client.flush(10) == 0
    stats = client.stats()
    assert stats.accepted == stats.delivered == len(accepted)
    assert sum(stats.rejected.values()) == THREADS * 100 - len(accepted) > 0
    assert_complete(topic.events(), accepted)


def test_numbers_have_no_gaps_when_the_queue_is_full(
    make_client: ClientFactory, topic: TopicReader, errors: ReportedErrors
) -> None:
    client = make_client(max_queue_events=50, linger_ms=1)
    accepted: list[str] = []

    def work(number: int) -> None:
        for _ in range(300):
            event_id = client.record(f"ws-{number}", "api", "api_call")
            if event_id is not None:
                accepted.append(event_id)

    in_threads(work)
    assert client.flush(10) == 0
    assert set(errors.codes) == {"queue.full"}
    assert client.stats().rejected == {"queue.full": THREADS * 300 - len(accepted)}
    assert_complete(topic.events(), accepted)


def test_the_queue_accepts_exactly_the_configured_number_of_events(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    for limit in (1, 2, 10, 1000):
        client = make_client(
            kafka_brokers="127.0.0.1:1", kafka_config={"log_level": 0}, max_queue_events=limit
        )
        accepted = [client.record(**VALID) for _ in range(limit + 5)]
        assert [event_id is not None for event_id in accepted] == [True] * limit + [False] * 5
        assert client.stats().queued == limit
    [message] = {str(error) for error, _ in errors if "1000 events" in str(error)}
    assert message == (
        "queue full: the limit is 1000 events or 67108864 bytes; is Kafka reachable?"
    )
    assert {context["reason"] for _, context in errors} == {"local_queue_full"}


def test_the_queue_is_also_full_by_bytes(
    make_client: ClientFactory, errors: ReportedErrors
) -> None:
    client = make_client(
        kafka_brokers="127.0.0.1:1", kafka_config={"log_level": 0}, max_queue_bytes=2**20
    )
    metadata = {"k": "x" * 30_000}
    accepted = [client.record(**VALID, metadata=metadata) is not None for _ in range(60)]
    assert 30 < sum(accepted) <= 36
    assert set(errors.codes) == {"queue.full"}


def test_events_of_one_thread_and_workspace_keep_their_order(
    make_client: ClientFactory, topic: TopicReader
) -> None:
    client = make_client(max_queue_events=40, linger_ms=1)
    expected: dict[str, list[str]] = defaultdict(list)

    def work(number: int) -> None:
        for turn in range(200):
            workspace = f"ws-{number}-{turn % 3}"
            event_id = client.record(workspace, "api", "api_call")
            if event_id is None:
                eventually(lambda: client._outbox.gate.reject_reason() is None)
            else:
                expected[workspace].append(event_id)

    in_threads(work, 4)
    assert client.flush(10) == 0
    found: dict[str, list[str]] = defaultdict(list)
    for event in topic.events():
        found[event["workspace_id"]].append(event["event_id"])
    assert found == expected

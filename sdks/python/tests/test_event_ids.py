"""Event ids: the caller's idempotency key unchanged, or else a UUIDv7 of the client."""

from __future__ import annotations

import re
import threading
import time
from decimal import Decimal
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from eka_usage import EkaClient

from sdks.python.tests.support import VALID, CollectingProducer, fixed_client, record_event


@pytest.mark.parametrize("value", ["0", "a b", "é" * 128, "a/b?c=d&e", "x" * 128, " padded "])
def test_an_idempotency_key_is_sent_unchanged(value: str) -> None:
    outcome = record_event(event_id=value)
    assert outcome.event_id == outcome.event["event_id"] == value


@pytest.mark.parametrize(
    "value", ["", " ", "\u2003", "x" * 129, "é" * 129, 5.0, True, b"id", 10**128, Decimal(5)]
)
def test_a_blank_too_long_or_non_string_idempotency_key_is_rejected(value: Any) -> None:
    outcome = record_event(event_id=value)
    assert (outcome.error.code, outcome.error.field) == ("event_id.invalid", "event_id")


def test_generated_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    collector = CollectingProducer()
    before = time.time_ns() // 10**6
    with EkaClient("checkout", producer=collector) as client:
        ids = [client.record(**VALID) for _ in range(50)]
        time.sleep(0.002)
        ids += [client.record(**VALID) for _ in range(50)]
        instance = UUID(client.instance_id)
    after = time.time_ns() // 10**6
    uuids = [UUID(event_id) for event_id in ids if event_id is not None]
    for uuid in (*uuids, instance):
        assert (uuid.version, uuid.variant) == (7, RFC_4122)
        assert before <= uuid.int >> 80 <= after
    assert len(set(uuids)) == 100
    assert sorted(uuids) == uuids
    assert all(re.fullmatch(r"[0-9a-f-]{36}", str(event_id)) for event_id in ids)


def test_ids_are_unique_across_clients_and_threads() -> None:
    found: list[str | None] = []
    clients = [
        EkaClient("checkout", producer=CollectingProducer(), clock=lambda: 0) for _ in range(20)
    ]

    def work(client: EkaClient) -> None:
        found.extend([client.record(**VALID) for _ in range(500)])

    threads = [threading.Thread(target=work, args=(client,)) for client in clients * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.shutdown()
    assert None not in found
    assert len(set(found)) == len(found) == 20_000
    assert len({client.instance_id for client in clients}) == 20


def test_the_same_key_twice_produces_two_events_with_one_id() -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector) as client:
        assert client.record(**VALID, event_id="k") == client.record(**VALID, event_id="k") == "k"
    assert [b'"seq":%d}' % seq in sent.value for seq, sent in enumerate(collector.sent, 1)] == [
        True,
        True,
    ]

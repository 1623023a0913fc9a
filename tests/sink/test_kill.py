"""A sink that is killed at any moment loses nothing, and counts nothing twice."""

from __future__ import annotations

import random
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.sink._generated.fields import ACCOUNT, FIELDS, ID, NUMBER, USAGE_TOPIC
from tests.broker import DevBroker
from tests.sink.harness import Sink, encoded, event

QUANTITY = next(field.name for field in FIELDS if field.kind == "number")
_KILLS = 20
_RATE = 1_000


def _load(bootstrap: str, stop: threading.Event) -> int:
    """Produces numbered events of several accounts until `stop`, and garbage after every 500."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.metrics.push": False})
    sent = 0
    while not stop.is_set():
        for _ in range(_RATE // 20):
            sent += 1
            account = f"account-{sent % 7}"
            one = event(**{ID: f"id-{sent}", ACCOUNT: account, NUMBER: sent, QUANTITY: 0.1})
            producer.produce(USAGE_TOPIC, value=encoded(one), key=account)
            if sent % 500 == 0:
                producer.produce(USAGE_TOPIC, value=b"\x00 no event", key=account)
        producer.poll(0)
        stop.wait(0.05)
    assert producer.flush(30) == 0
    return sent


@pytest.mark.timeout(400)
def test_a_sink_killed_twenty_times_under_load_counts_every_event_once(
    tmp_path: Path,
) -> None:
    chance = random.Random()
    with DevBroker() as broker:
        sink = Sink(broker.bootstrap, tmp_path).migrate()
        stop, sent = threading.Event(), [0]
        load = threading.Thread(target=lambda: sent.append(_load(broker.bootstrap, stop)))
        load.start()
        try:
            for _ in range(_KILLS):
                with sink:  # its exit sends SIGKILL
                    sink.wait_for("assigned partitions")
                    time.sleep(chance.uniform(0, 0.8))
        finally:
            stop.set()
            load.join()
        with sink:
            sink.wait_for("lag 0")
            assert sink.stop() == 0
    events = sent[-1]
    [(rows, ids, quantity, numbers)] = sink.rows(
        f"count(), uniqExact({ID}), sum({QUANTITY}), sum({NUMBER})"
    )
    [(before,)] = sink.rows(final="")
    print(f"{_KILLS} kills, {events} events, {before - rows} duplicate rows in the table")
    assert (rows, ids, numbers) == (events, events, events * (events + 1) // 2)
    assert quantity == Decimal("0.1") * events

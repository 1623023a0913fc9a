"""Clients of one folder: what one took from another, and which events go first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eka_usage import EkaClient, spooling
from eka_usage.spool.format import NOBODY
from eka_usage.spool.segment import Segment

from sdks.python.tests.spooling import QUICK, balanced, names
from sdks.python.tests.support import NO_BROKER, VALID, Scripted, eventually

EVENTS = 5


class Holding(Scripted):
    """A producer that reports on nothing until it is told to deliver."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self._held: list[Callable[[Any, Any], None]] = []
        self._delivers = False

    def _hold(self, *, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        if self._delivers:
            on_delivery(None, None)
        else:
            self._held.append(on_delivery)

    def deliver(self) -> None:
        """Reports that all was delivered, from now on at once."""
        self._delivers = True
        while self._held:
            self._held.pop()(None, None)

    def flush(self, timeout: float) -> int:
        time.sleep(min(timeout, 0.01))
        return len(self._held)


def test_what_others_left_waits_while_more_than_a_quarter_of_the_queue_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "TUNING", QUICK)

    def client(producer: Holding) -> EkaClient:
        return EkaClient(
            "checkout",
            producer=producer,
            spool="spill",
            spool_dir=str(folder),
            max_queue_events=4 * EVENTS,
        )

    producer = Holding()
    with client(producer) as heir:
        for _ in range(EVENTS + 1):
            heir.record(**VALID)
        with client(Holding()) as first:
            for _ in range(EVENTS):
                first.record(**VALID)
        eventually(lambda: {name.owner for name in names(folder)} - {NOBODY})
        time.sleep(0.2)
        assert heir.stats().adopted == 0
        producer.deliver()
        eventually(lambda: heir.stats().replayed == EVENTS)
    assert names(folder) == []


def test_what_others_took_is_waited_for_no_more(
    spooling_to: Callable[..., EkaClient], folder: Path
) -> None:
    client = spooling_to("spill", kafka_brokers=NO_BROKER, max_queue_events=EVENTS)
    while client.stats().spooled < EVENTS:
        client.record(**VALID)
    for name in names(folder):
        segment = Segment.open(folder, name)
        assert segment.hand_to("ab" * 16)
        segment.end_appends()
    client.record(**VALID)
    spool = client._outbox._spool  # type: ignore[attr-defined]
    eventually(lambda: spool.pending == 1)
    assert client.stats().spooled == EVENTS + 1
    assert balanced(client)

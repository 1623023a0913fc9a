"""What is accepted together where the spool has no room for all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from eka_usage import EkaClient, Usage, find_event_type

from infra.api.errors import AnswerError
from infra.api.recorder import Boundary, Recorder
from tests.ports import free_port


def fill(recorder: Recorder, events: Sequence[Usage]) -> None:
    while True:
        recorder.record(events, None, retries=False)


def test_a_full_spool_takes_both_halves_of_a_session_or_none(tmp_path: Path) -> None:
    metric = find_event_type("ekascribe.transcription_minute")
    nowhere = f"127.0.0.1:{free_port()}"
    now = time.time_ns() // 1_000_000
    with EkaClient(
        "svc",
        kafka_brokers=nowhere,
        spool="durable",
        spool_dir=str(tmp_path),
        spool_max_bytes=16 * 2**20,
        shutdown_timeout_ms=0,
    ) as client:
        recorder = Recorder(client, client)
        # Ever smaller ones, as one half may still have room where two have none.
        for size in (30_000, 10_000, 3_000, 1_000, 300, 100):
            halves = [
                recorder.boundary(Boundary(kind, "w", metric, "s", now, {"text": "x" * size}, {}))
                for kind in ("start", "end")
            ]
            with pytest.raises(AnswerError, match="spool"):
                fill(recorder, halves)
            assert client.stats().accepted % 2 == 0
        assert client.stats().accepted > 200

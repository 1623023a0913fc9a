"""Under uWSGI, Celery and RQ each process is an instance, and delivers before it ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.hosts.experiment import RUNNERS, run


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_processes_of_a_runner_deliver_all_events_under_ids_of_their_own(
    runner: str, tmp_path: Path
) -> None:
    with DevBroker() as broker:
        spool = {"spool": "spill", "spool_dir": str(tmp_path / "spool")}
        outcomes = run(runner, tmp_path, kafka_brokers=broker.bootstrap, **spool)
        events = read_events(broker.bootstrap)
    assert outcomes.reported == []
    left = [(path.name, path.stat().st_size) for path in (tmp_path / "spool").iterdir()]
    arrived = Counter(event.event_id for event in events)
    assert arrived == Counter(outcomes.accepted), (left, (tmp_path / "log").read_text())
    assert len(outcomes.accepted) == len(set(outcomes.accepted)) > 0
    numbers = Counter((event.instance_id, event.seq) for event in events)
    assert max(numbers.values()) == 1

"""Under uWSGI, Celery and RQ each process is an instance, and delivers before it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.hosts.experiment import RUNNERS, run
from tests.successor import deliver_the_rest


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_processes_of_a_runner_deliver_all_events_under_ids_of_their_own(
    runner: str, tmp_path: Path
) -> None:
    with DevBroker() as broker:
        spool = tmp_path / "spool"
        settings = {"kafka_brokers": broker.bootstrap, "spool": "spill", "spool_dir": str(spool)}
        outcomes = run(runner, tmp_path, **settings)
        # On a busy machine the broker may acknowledge nothing for longer than shutdown waits.
        deliver_the_rest(broker.bootstrap, spool)
        events = read_events(broker.bootstrap)
    assert outcomes.reported == []
    numbers = {event.event_id: (event.instance_id, event.seq) for event in events}
    assert numbers.keys() == set(outcomes.accepted), (tmp_path / "log").read_text()
    assert len(outcomes.accepted) == len(set(outcomes.accepted)) > 0
    assert len(set(numbers.values())) == len(numbers)

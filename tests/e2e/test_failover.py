"""A leader that is killed costs nothing with acks of all replicas; `make e2e` has more cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.failover import Case, run, services
from tests.e2e.java import needs_kafka


def _kill_leader(cluster: Cluster) -> None:
    killed = cluster.leader()
    killed.kill()


@needs_kafka
@pytest.mark.timeout(600)  # three brokers start, on a busy machine
def test_a_killed_leader_costs_nothing_with_acks_of_all_replicas(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        tested = services(acks=["all"], modes=["off", "durable"])
        results = list(run(Case("leader killed", _kill_leader), cluster, tested))
    assert [str(each) for each in results if each.lost or each.reported or each.pending] == []
    assert all(each.accepted for each in results)

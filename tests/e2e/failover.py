"""Every SDK against a cluster whose brokers fail: what Kafka has of what was accepted.

python -m tests.e2e.failover [case …]    prints the table of docs/durability.md
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from eka_usage import METRIC_TYPES, PRODUCTS

from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e import java
from tests.e2e.cluster import Cluster, wait
from tests.e2e.operations import grant_writes, limit_rate, revoke_writes
from tests.e2e.reader import read_events

_PAUSE = 0.2
_EACH = 10
_BEFORE, _AFTER = 3.0, 5.0
_FLUSH = 50_000
_HANG = 30.0
_BYTES_PER_SECOND = 20_000  # on each broker, of all services together
ACKS, MODES = ("1", "all"), ("off", "spill", "durable")


@dataclass(frozen=True)
class Case:
    """What happens to the cluster while every service records.

    With `fresh`, only the events count that were accepted after it, since it deletes the topic.
    """

    name: str
    disturb: Callable[[Cluster], None]
    fresh: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """One client of an SDK."""

    language: str
    acks: str
    mode: str


@dataclass(frozen=True)
class Result:
    """The outcome for one service, counted by event id."""

    case: Case
    service: Service
    accepted: int
    read: int
    reported: int
    pending: int
    copies: int
    lost: int

    def __str__(self) -> str:
        service = self.service
        counts = (
            self.accepted,
            self.read,
            self.reported,
            self.pending,
            self.copies,
            self.lost,
        )
        cells = (self.case.name, service.language, service.acks, service.mode, *map(str, counts))
        return f"| {' | '.join(cells)} |"


def _kill(cluster: Cluster) -> None:
    node = cluster.leader()
    node.kill()
    wait(5)
    node.start()
    cluster.wait_for_brokers()
    cluster.wait_for_replicas()


def _hang(cluster: Cluster) -> None:
    node = cluster.leader()
    node.pause()
    wait(_HANG)
    node.resume()
    cluster.wait_for_replicas()


def _two_down(cluster: Cluster) -> None:
    for node in cluster.nodes[1:]:
        node.kill()
    wait(10)
    for node in cluster.nodes[1:]:
        node.start()
    cluster.wait_for_brokers()
    cluster.wait_for_replicas()


def _reassign(cluster: Cluster) -> None:
    before = cluster.replicas()
    # The first replica leads.
    cluster.assign({partition: brokers[1:] for partition, brokers in before.items()})
    wait(3)
    cluster.assign(before)
    cluster.wait_for_replicas()


def _limit_rate(cluster: Cluster) -> None:
    limit_rate(cluster.bootstrap, _BYTES_PER_SECOND)
    wait(15)
    limit_rate(cluster.bootstrap, None)


def _revoke(cluster: Cluster) -> None:
    revoke_writes(cluster.admin)
    wait(12)
    grant_writes(cluster.admin)


def _recreate(cluster: Cluster) -> None:
    partitions = cluster.partitions()
    cluster.delete_topic()
    cluster.create_topic(partitions)


CASES = (
    Case("leader killed (kill -9)", _kill),
    Case("leader hangs for 30 s", _hang),
    Case("rolling restart", Cluster.restart_one_by_one),
    Case("two of three brokers killed", _two_down),
    Case("reassigned partitions", _reassign),
    Case("quota of 20 kB/s on each broker", _limit_rate),
    Case("permission revoked for 12 s", _revoke),
    Case("partitions added", lambda cluster: cluster.add_partitions(cluster.partitions() + 3)),
    # A client of librdkafka may ignore the new topic's leaders until its events expire.
    Case("topic created again", _recreate, fresh=True, settings={"delivery_timeout_ms": 10_000}),
)


def services(
    languages: Sequence[str] = tuple(COMMANDS),
    acks: Sequence[str] = ACKS,
    modes: Sequence[str] = MODES,
) -> list[Service]:
    """Returns a service for each combination."""
    return [Service(*each) for each in product(languages, acks, modes)]


def run(case: Case, cluster: Cluster, tested: Sequence[Service]) -> Iterator[Result]:
    """Runs a case with all services at once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        drivers = {each: stack.enter_context(Driver(each.language)) for each in tested}
        for number, (service, driver) in enumerate(drivers.items()):
            settings = {
                **cluster.settings,
                **case.settings,
                "kafka_acks": service.acks,
                "spool": service.mode,
                "spool_dir": str(folder / str(number)),
            }
            driver.send("new", settings=settings)
        for driver in drivers.values():
            driver.response()
        accepted: dict[Service, set[str]] = {each: set() for each in tested}
        _record(drivers, accepted, until=_elapsed(_BEFORE))
        with ThreadPoolExecutor(1) as pool:
            disturbed = pool.submit(case.disturb, cluster)
            _record(drivers, accepted, until=disturbed.done)
            disturbed.result()
        if case.fresh:
            for ids in accepted.values():
                ids.clear()
        _record(drivers, accepted, until=_elapsed(_AFTER))
        with ThreadPoolExecutor(len(drivers)) as pool:
            pending = dict(zip(drivers, pool.map(_flushed, drivers.values()), strict=True))
        arrived = Counter(event.event_id for event in read_events(cluster.bootstrap))
        for service, driver in drivers.items():
            ids = accepted[service]
            reported = ids & {error["event_id"] for error in driver.errors}
            read = ids & arrived.keys()
            # Events on the disk are neither lost nor read yet.
            lost = max(0, len(ids - read - reported) - pending[service])
            copies = sum(arrived[event_id] - 1 for event_id in read)
            counts = (len(ids), len(read), len(reported), pending[service], copies, lost)
            yield Result(case, service, *counts)


def _elapsed(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _record(
    drivers: Mapping[Service, Driver],
    accepted: Mapping[Service, set[str]],
    until: Callable[[], bool],
) -> None:
    call: dict[str, Any] = {"product": PRODUCTS[0], "metric_type": METRIC_TYPES[PRODUCTS[0]][0]}
    rounds = 0
    while not until():
        rounds += 1
        call["workspace_id"] = f"ws-{rounds % 50}"
        for driver in drivers.values():
            driver.send("record", call=call, times=_EACH)
        for service, driver in drivers.items():
            accepted[service].update(driver.response()["accepted"])
        time.sleep(_PAUSE)


def _flushed(driver: Driver) -> int:
    """Returns how many events are left on disk after a minute at most."""
    driver.request("flush", timeout=_FLUSH)
    driver.request("shutdown")
    stats = driver.request("stats")
    driver.end()
    return int(stats["queued"] + stats["spooled"])


def main(arguments: Sequence[str]) -> int:
    """Runs the cases; returns 1 if an event was lost with acks of all replicas."""
    if reason := java.missing():
        print(f"Apache Kafka cannot run here: {reason}")
        return 1
    chosen = [each for each in CASES if not arguments or each.name.split()[0] in arguments]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder)) as cluster:
        for case in chosen:
            began = time.monotonic()
            found = list(run(case, cluster, services()))
            print(f"{case.name}: {time.monotonic() - began:.0f} s", *found, sep="\n", flush=True)
            results += found
    print(
        "case | language | acks | spool | accepted | in Kafka | reported | on disk | copies | lost"
    )
    failures = [each for each in results if each.lost and each.service.acks == "all"]
    print(f"{len(results)} results, {len(failures)} of acks=all with losses")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

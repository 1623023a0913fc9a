"""Every SDK against Apache Kafka: every accepted event arrives or is reported to on_error.

python -m tests.e2e.sdks [PART OF A NAME]    some of the cases alone
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.server import ApiServer
from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e import java
from tests.e2e.cases import Case, cases, create_topics
from tests.e2e.reader import ends, read_events
from tests.e2e.real_broker import RealBroker
from tests.ports import free_port

_FLUSH = 50_000
_HEAD = ("case", "language", "accepted", "read", "reported", "both", "duplicates", "lost")
_LINE = "{:32} {:10} {:>9} {:>7} {:>9} {:>6} {:>11} {:>6}"


@dataclass(frozen=True)
class Result:
    """The outcome of a case in one language, counted by event id.

    `both` counts events that were reported to on_error and arrived all the same: their
    acknowledgement was lost. `duplicates` are copies, which the usage table counts once.
    """

    case: Case
    language: str
    accepted: int
    read: int
    reported: int
    both: int
    duplicates: int
    stats: Mapping[str, Any]

    @property
    def lost(self) -> int:
        """The events that neither arrived nor were reported."""
        return self.accepted - self.read - self.reported + self.both

    def failures(self) -> list[str]:
        """Returns one line for each expectation that does not hold."""
        found = []
        expected = sum(times for _, times in self.case.work)
        if self.accepted != expected:
            found.append(f"{self.accepted} of {expected} events were accepted")
        if self.lost:
            found.append(f"{self.lost} events were lost and never reported")
        if self.reported != self.case.failing:
            found.append(f"{self.reported} events were reported, expected {self.case.failing}")
        if self.duplicates and self.case.during is None and not self.case.resends:
            found.append(f"{self.duplicates} events were sent twice")
        delivered = self.accepted - self.reported
        expected_stats = {
            "accepted": self.accepted,
            "delivered": delivered,
            "failed": self.reported,
        }
        if (stats := {name: self.stats[name] for name in expected_stats}) != expected_stats:
            found.append(f"stats() returned {stats}, expected {expected_stats}")
        return [f"{self.case.name}, {self.language}: {failure}" for failure in found]

    def __str__(self) -> str:
        counts = (self.accepted, self.read, self.reported, self.both, self.duplicates, self.lost)
        return _LINE.format(self.case.name, self.language, *(f"{count:,}" for count in counts))


def run(case: Case, broker: RealBroker) -> list[Result]:
    """Runs a case in every SDK at once."""
    print(f"{case.name} …", flush=True)
    if case.before is not None:
        case.before(broker)
    since = ends(broker.bootstrap)
    with ExitStack() as stack:
        drivers = {name: stack.enter_context(Driver(name)) for name in COMMANDS}
        accepted = record(case, broker, drivers)
        for driver in drivers.values():
            driver.send("flush", timeout=_FLUSH)
        for driver in drivers.values():
            driver.response()
        stats = {name: driver.request("stats") for name, driver in drivers.items()}
        for driver in drivers.values():
            driver.request("shutdown")
            driver.end()
    copies = Counter(event.event_id for event in read_events(broker.bootstrap, since))
    results = []
    for name, driver in drivers.items():
        ids = accepted[name]
        read = ids & copies.keys()
        reported = ids & {error["event_id"] for error in driver.errors}
        duplicates = sum(copies[event_id] - 1 for event_id in read)
        counts = (len(ids), len(read), len(reported), len(read & reported), duplicates)
        results.append(Result(case, name, *counts, stats=stats[name]))
    return results


def record(case: Case, broker: RealBroker, drivers: Mapping[str, Driver]) -> dict[str, set[str]]:
    """Records in every SDK while the case disturbs the broker; returns the accepted ids."""
    for driver in drivers.values():
        # This is about Kafka alone; tests/crash is about the disk.
        driver.send("new", settings={"spool": "off", **case.settings})
        for call, times in case.work:
            driver.send("record", call=call, times=times)
    for driver in drivers.values():
        driver.response()
    accepted = {name: set(driver.response()["accepted"]) for name, driver in drivers.items()}
    if case.during is not None:
        case.during(broker)
    for name, driver in drivers.items():
        for _ in case.work[1:]:
            accepted[name].update(driver.response()["accepted"])
    return accepted


def main(part: str = "") -> int:
    """Runs the cases with this in their names; returns 0 if every one ended as expected."""
    if reason := java.missing():
        print(f"Apache Kafka cannot run here: {reason}")
        return 1
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(RealBroker(folder))
        arguments = ("--listen", f"127.0.0.1:{free_port()}")  # where clients find it again
        uncompressed = {"kafka_compression_type": "none"}
        api = stack.enter_context(ApiServer(folder, broker.bootstrap, *arguments, **uncompressed))
        if part:
            create_topics(broker)  # as the first of all cases that needs them does
        chosen = [case for case in cases(broker, api, folder) if part in case.name]
        results = [result for case in chosen for result in run(case, broker)]
    print("", _LINE.format(*_HEAD), *results, sep="\n")
    failures = [failure for result in results for failure in result.failures()]
    for failure in failures:
        print(failure)
    seconds = time.monotonic() - started
    print(f"{len(results)} cases, {len(failures)} failures, {seconds:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

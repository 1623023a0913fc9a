"""Every SDK against Apache Kafka: nothing accepted is lost without on_error hearing of it."""

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

from tests.conformance.drivers import COMMANDS, Driver
from tests.e2e import java
from tests.e2e.cases import Case, cases
from tests.e2e.reader import ends, read_events
from tests.e2e.real_broker import RealBroker

_FLUSH = 50_000
_HEAD = ("case", "language", "accepted", "read", "heard", "both", "doubled", "lost")
_LINE = "{:32} {:10} {:>9} {:>7} {:>7} {:>6} {:>8} {:>6}"


@dataclass(frozen=True)
class Result:
    """What came of a case in one language, counted by event id.

    `both` are the events that on_error heard of and that are there all the same: their
    acknowledgement was lost. `doubled` are copies, which the table of usage counts once.
    """

    case: Case
    language: str
    accepted: int
    read: int
    heard: int
    both: int
    doubled: int
    stats: Mapping[str, Any]

    @property
    def lost(self) -> int:
        """Neither read nor heard of."""
        return self.accepted - self.read - self.heard + self.both

    def faults(self) -> list[str]:
        """What is wrong, in words."""
        found = []
        expected = sum(times for _, times in self.case.work)
        if self.accepted != expected:
            found.append(f"{self.accepted} of {expected} events were accepted")
        if self.lost:
            found.append(f"{self.lost} events are lost without a word")
        if self.heard != self.case.failing:
            found.append(f"on_error heard of {self.heard} events, not of {self.case.failing}")
        if self.doubled and self.case.amid is None:
            found.append(f"{self.doubled} events were sent twice")
        delivered = self.accepted - self.heard
        books = {"accepted": self.accepted, "delivered": delivered, "failed": self.heard}
        if (kept := {name: self.stats[name] for name in books}) != books:
            found.append(f"the client's books say {kept}")
        return [f"{self.case.name}, {self.language}: {fault}" for fault in found]

    def __str__(self) -> str:
        counts = (self.accepted, self.read, self.heard, self.both, self.doubled, self.lost)
        return _LINE.format(self.case.name, self.language, *(f"{count:,}" for count in counts))


def play(case: Case, broker: RealBroker) -> list[Result]:
    """All SDKs at once."""
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
            driver.answer()
        stats = {name: driver.ask("stats") for name, driver in drivers.items()}
        for driver in drivers.values():
            driver.ask("shutdown")
            driver.end()
    copies = Counter(event.event_id for event in read_events(broker.bootstrap, since))
    results = []
    for name, driver in drivers.items():
        ids = accepted[name]
        read = ids & copies.keys()
        heard = ids & {error["event_id"] for error in driver.errors}
        doubled = sum(copies[event_id] - 1 for event_id in read)
        counts = (len(ids), len(read), len(heard), len(read & heard), doubled)
        results.append(Result(case, name, *counts, stats=stats[name]))
    return results


def record(case: Case, broker: RealBroker, drivers: Mapping[str, Driver]) -> dict[str, set[str]]:
    """Has every SDK record, and meanwhile does what is done to the broker; the ids accepted."""
    for driver in drivers.values():
        # What Kafka does with events is asked here; what the disk does for them, by tests/crash.
        driver.send("new", settings={"spool": "off", **case.settings})
        for call, times in case.work:
            driver.send("record", call=call, times=times)
    for driver in drivers.values():
        driver.answer()
    accepted = {name: set(driver.answer()["accepted"]) for name, driver in drivers.items()}
    if case.amid is not None:
        case.amid(broker)
    for name, driver in drivers.items():
        for _ in case.work[1:]:
            accepted[name].update(driver.answer()["accepted"])
    return accepted


def main() -> int:
    """Play all cases; 0 if each came out as it must."""
    if reason := java.missing():
        print(f"not tried on Apache Kafka: {reason}")
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, RealBroker(Path(name)) as broker:
        results = [result for case in cases(broker, Path(name)) for result in play(case, broker)]
    print("", _LINE.format(*_HEAD), *results, sep="\n")
    faults = [fault for result in results for fault in result.faults()]
    for fault in faults:
        print(fault)
    seconds = time.monotonic() - started
    print(f"{len(results)} cases, {len(faults)} faults, {seconds:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs `tests.crash.interrupted`, which interrupts record() of the Python SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.broker import DevBroker

SIGNALS = ("handler", "sigterm")
EXCEPTIONS = ("exception", "async")
AWAY, THERE = "away", "there"
# Each costs many seconds.
_MAX_HANGS = 3


@dataclass(frozen=True)
class Variant:
    """What is interrupted, and where the events go."""

    case: str
    mode: str
    event: str
    broker: str
    is_batch: bool = False

    def __str__(self) -> str:
        what = "batch" if self.is_batch else "event"
        return f"{self.case}, {self.mode}, {self.event} {what}, broker {self.broker}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of `tests.crash.interrupted`."""
        flag = () if self.event == "later" else (f"--{self.event}",)
        return self.case, self.mode, *flag, *(("--batch",) if self.is_batch else ())


@dataclass
class Report:
    """How many steps there were, and what was wrong after some of them."""

    steps: int = 0
    problems: list[str] = field(default_factory=list)


def variants(cases: Sequence[str], mode: str) -> Iterator[Variant]:
    """Yields what is interrupted in a mode."""
    for case in cases:
        yield Variant(case, mode, "first", AWAY)
        yield Variant(case, mode, "later", THERE)
        yield Variant(case, mode, "full", AWAY)
        yield Variant(case, mode, "first", AWAY, is_batch=True)
        yield Variant(case, mode, "later", THERE, is_batch=True)


def interrupt(variant: Variant, broker: DevBroker, *, every: int = 1, start: int = 1) -> Report:
    """Interrupts at every so many bytecodes, in a process that is started again if it hangs."""
    brokers = ("--bootstrap", broker.bootstrap) if variant.broker == THERE else ()
    return _interrupt((*variant.arguments, *brokers), every, start)


def _interrupt(arguments: Sequence[str], every: int, start: int) -> Report:
    report = Report()
    for _ in range(_MAX_HANGS):
        steps = ("--every", str(every), "--start", str(start))
        command = (sys.executable, "-m", "tests.crash.interrupted", *arguments, *steps)
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in map(json.loads, ended.stdout.splitlines()):
            if "number" in line:
                report.steps += 1
                start = line["number"] + every
            else:
                report.problems.append(f"{line['place']}: {'; '.join(line['problems'])}")
        if ended.returncode == 0:
            break
        report.steps += 1
        report.problems.append(f"step {start} ended by {ended.returncode}:\n{ended.stderr}")
        start += every
    return report

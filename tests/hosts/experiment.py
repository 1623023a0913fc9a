"""Runs the programs of this folder, each in its runner, and reads what became of their events."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from tests.environment import environment
from tests.hosts.runners import run_celery, run_rq, run_uwsgi

ROOT = Path(__file__).resolve().parents[2]
_TIMES = 4
# So long that no event is delivered before its process ends.
_LINGER_MS = "60000"
# Longer than a busy machine takes to deliver, and shorter than what a runner grants.
_SHUTDOWN_MS = "50000"

Run = Callable[[Path, Mapping[str, str], Path], None]
RUNNERS: Mapping[str, Run] = {
    "uWSGI": partial(run_uwsgi, "tests.hosts.uwsgi_app:application", 10 * _TIMES),
    "Celery": partial(run_celery, "tests.hosts.celery_app:work", (), _TIMES),
    "RQ": partial(
        run_rq, "tests.hosts.rq_jobs.work", (), _TIMES, worker="tests.hosts.rq_jobs.UsageWorker"
    ),
}


@dataclass(frozen=True)
class Outcomes:
    """What the programs wrote down: the accepted events, by instance, and those reported."""

    accepted: list[str]
    instances: list[str]
    reported: list[str]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads the file that tests/hosts/service.py writes."""
        lines = [line.split() for line in file.read_text().splitlines()]
        accepted = [words for words in lines if words[0] == "accepted"]
        return cls(
            accepted=[event_id for _, event_id, _ in accepted],
            instances=[instance for _, _, instance in accepted],
            reported=[words[1] for words in lines if words[0] == "reported"],
        )


def run(runner: str, folder: Path, **settings: str) -> Outcomes:
    """Runs the program of a runner with these settings of the SDK."""
    outcomes, queue = folder / "outcomes", folder / "queue"
    outcomes.touch()
    queue.mkdir()
    variables = {
        **environment(kafka_linger_ms=_LINGER_MS, shutdown_timeout_ms=_SHUTDOWN_MS, **settings),
        "EKA_TEST_OUTCOMES": str(outcomes),
        "EKA_TEST_QUEUE": str(queue),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sdks/python/src"))),
    }
    RUNNERS[runner](ROOT, variables, folder / "log")
    return Outcomes.read(outcomes)

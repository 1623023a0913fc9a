"""A job of RQ, which runs each one in a process that it ends by os._exit."""

from __future__ import annotations

from typing import Any

from rq import Worker

from tests.hosts.service import record, usage

EVENTS_PER_JOB = 25


def work() -> None:
    """Records the events of one job."""
    record(EVENTS_PER_JOB)


class UsageWorker(Worker):
    """Shuts the client down at the end of a job's process, as the integration guide has it."""

    def perform_job(self, *arguments: Any, **named: Any) -> bool:
        """Runs a job, in its own process."""
        try:
            return super().perform_job(*arguments, **named)
        finally:
            usage.shutdown()

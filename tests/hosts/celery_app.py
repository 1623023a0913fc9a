"""A task of Celery, whose prefork pool ends its processes by os._exit."""

from __future__ import annotations

import os

from celery import Celery

from tests.hosts.service import record

EVENTS_PER_TASK = 25
_queue = os.environ["EKA_TEST_QUEUE"]
app = Celery("hosts", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        f"{name}_folder{suffix}": _queue
        for name, suffix in (("data", "_in"), ("data", "_out"), ("control", ""))
    },
    worker_hijack_root_logger=False,
)


def _work() -> None:
    record(EVENTS_PER_TASK)


work = app.task(name="work")(_work)

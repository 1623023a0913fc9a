"""The threads of the SDK, started and stopped at any moment."""

from __future__ import annotations

import threading

import pytest
from eka_usage._worker import Worker


def test_a_thread_that_is_still_starting_can_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    may_start, ran = threading.Event(), threading.Event()
    start = threading.Thread.start

    def start_late(thread: threading.Thread) -> None:
        may_start.wait(10)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_late)
    worker = Worker("late", ran.set)
    worker.start()
    worker.join(0.01)
    assert not ran.is_set()
    may_start.set()
    worker.join(10)
    assert ran.is_set()

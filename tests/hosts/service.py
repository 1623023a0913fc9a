"""What every program here shares: a client made before any fork, and a file of outcomes.

Each line of the file `EKA_TEST_OUTCOMES` is written in one call, so that processes can share it.
"""

from __future__ import annotations

import os

from eka_usage import EkaClient, EkaError, ErrorContext

_OUTCOMES = os.open(os.environ["EKA_TEST_OUTCOMES"], os.O_WRONLY | os.O_APPEND)


def _write(*words: str | None) -> None:
    os.write(_OUTCOMES, " ".join(map(str, words)).encode() + b"\n")


def _report(error: EkaError, context: ErrorContext) -> None:
    _write("reported", context.get("event_id"), error.code)


usage = EkaClient("hosts", on_error=_report)


def record(times: int = 1) -> None:
    """Records, and writes down which events were accepted."""
    for _ in range(times):
        event_id = usage.record("ws-1", "api", "api_call")
        if event_id is not None:
            _write("accepted", event_id, usage.instance_id)

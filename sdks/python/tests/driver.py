"""The Python SDK behind the protocol of tests/conformance/driver.md."""

from __future__ import annotations

import json
import os
import signal as signals
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from eka_usage import EkaClient, EkaError, ErrorContext
from eka_usage._generated.settings import SETTINGS

_ARGUMENTS = {setting.name: setting.argument for setting in SETTINGS}
_output = threading.RLock()


class Uncaught(BaseException):
    """Ends the driver."""


def say(line: dict[str, Any]) -> None:
    """Write one line, whole."""
    with _output:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Driver:
    """One client, and what is asked of it."""

    def __init__(self) -> None:
        self._client: Any = None

    def new(
        self,
        settings: dict[str, Any],
        service_name: str = "driver",
        on_error: str = "report",
        clock_offset: int = 0,
    ) -> dict[str, Any]:
        """Make the client."""

        def errors(error: EkaError, context: ErrorContext) -> None:
            known = ("code", "field", "reason", "event_id")
            say({"error": {name: context.get(name) for name in known}})
            if on_error == "throw":
                raise error

        arguments: Any = {_ARGUMENTS[name]: value for name, value in settings.items()}
        if clock_offset:
            arguments["clock"] = lambda: time.time_ns() + clock_offset * 1_000_000
        self._client = EkaClient(service_name, on_error=errors, **arguments)
        return {"instance_id": self._client.instance_id}

    def record(self, call: dict[str, Any], times: int = 1, threads: int = 1) -> dict[str, Any]:
        """Record in each thread that many times."""
        return repeated(lambda: self._client.record(**call), times, threads)

    def log(self, call: dict[str, Any]) -> dict[str, Any]:
        """Report one failure."""
        return repeated(lambda: self._client.log(**call), 1, 1)

    def flush(self, timeout: int) -> dict[str, Any]:
        """Wait for what is queued."""
        started = time.monotonic()
        queued = self._client.flush(timeout / 1000)
        return {"queued": queued, "took": milliseconds(started)}

    def stats(self) -> dict[str, Any]:
        """Read the books."""
        return dict(self._client.stats()._asdict())

    def shutdown(self, timeout: int | None = None) -> dict[str, Any]:
        """End the client."""
        started = time.monotonic()
        undelivered = self._client.shutdown(None if timeout is None else timeout / 1000)
        return {"undelivered": undelivered, "took": milliseconds(started)}

    def exit(self, code: int) -> None:
        """End the process without another word."""
        sys.exit(code)

    def halt(self, code: int) -> None:
        """End the process, with nothing run on the way."""
        os._exit(code)

    def throw(self) -> None:
        """End the process by an exception."""
        raise Uncaught("nobody catches this")

    def hog(self) -> None:
        """End the process for want of memory."""
        taken: list[bytearray] = []
        try:
            while True:
                taken.append(bytearray(2**24))
        except MemoryError as error:
            del taken
            raise Uncaught("out of memory") from error

    def handle(self, signal: str) -> dict[str, Any]:
        """Handle a signal as a service does that knows nothing of the SDK."""
        signals.signal(signals.Signals[signal], lambda *_: sys.exit(0))
        return {}

    def stream(self, call: dict[str, Any], times: int, pause: int = 0) -> dict[str, Any]:
        """Record, and say of each event at once that it was accepted."""
        streamed = done = 0
        while not times or done < times:
            event_id = self._client.record(**call)
            done += 1
            if event_id is None:
                time.sleep(0.001)  # it was refused, and what refuses it takes its time
                continue
            streamed += 1
            os.write(1, b'{"accepted": "%s"}\n' % event_id.encode())
            if pause:
                time.sleep(pause / 1000)
        return {"streamed": streamed}

    def fork(self, call: dict[str, Any], times: int) -> dict[str, Any]:
        """Record in a forked child, which then ends by itself."""
        reading, writing = os.pipe()
        child = os.fork()  # noqa: TID251  this is a program of its own
        if child == 0:
            os.write(writing, json.dumps(self.record(call, times)).encode())
            sys.exit(0)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as result:
            text = result.read()
        os.waitpid(child, 0)
        return dict(json.loads(text))


def repeated(call: Callable[[], str | None], times: int, threads: int) -> dict[str, Any]:
    """What came of a call that was made many times."""

    def run(_: int) -> tuple[list[str | None], float]:
        ids, slowest = [], 0.0
        for _ in range(times):
            started = time.monotonic()
            ids.append(call())
            slowest = max(slowest, time.monotonic() - started)
        return ids, slowest

    with ThreadPoolExecutor(threads) as pool:
        runs = list(pool.map(run, range(threads)))
    ids = [event_id for part, _ in runs for event_id in part]
    accepted = [event_id for event_id in ids if event_id is not None]
    slowest = max(part for _, part in runs) * 1000
    return {"accepted": accepted, "refused": len(ids) - len(accepted), "slowest": slowest}


def milliseconds(started: float) -> float:
    """Since then."""
    return (time.monotonic() - started) * 1000


def answer(driver: Driver, line: str) -> None:
    """Answer one request."""
    request: dict[str, Any] = {}
    try:
        request = json.loads(line)
        arguments = {key: value for key, value in request.items() if key not in {"id", "do"}}
        reply = getattr(driver, request["do"])(**arguments)
    except Exception as error:  # noqa: BLE001  whatever it is, the driver goes on
        reply = {"fault": f"{type(error).__name__}: {error}"}
    say({"id": request.get("id"), **reply})


if __name__ == "__main__":
    one = Driver()
    for row in sys.stdin:
        answer(one, row)

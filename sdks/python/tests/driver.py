"""Drives the Python SDK by the protocol of tests/conformance/driver.md."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import signal as signals
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from eka_usage import EkaClient, EkaError, ErrorContext, Usage, find_metric, prometheus
from eka_usage._generated.settings import SETTINGS
from opentelemetry.context import attach
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context
from prometheus_client import CollectorRegistry, generate_latest

_ARGUMENTS = {setting.name: setting.argument for setting in SETTINGS}
_output = threading.RLock()


class Uncaught(BaseException):
    """An exception that nothing catches; it ends the driver."""


def write_line(line: dict[str, Any]) -> None:
    """Writes one whole line, whichever thread calls."""
    with _output:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Driver:
    """One client, and the requests that drive it."""

    def __init__(self) -> None:
        self._client: Any = None
        self._registry = CollectorRegistry()
        # Milliseconds that are added to the machine's clock.
        self._offset = 0
        # Milliseconds that are added to its monotonic clock.
        self._passed = 0

    def new(
        self,
        settings: dict[str, Any],
        service_name: str = "driver",
        on_error: str = "report",
        clock_offset: int = 0,
        metrics: bool = False,
    ) -> dict[str, Any]:
        """Creates the client."""

        def write_error(error: EkaError, context: ErrorContext) -> None:
            fields = ("code", "field", "reason", "event_id", "index")
            write_line({"error": {name: context.get(name) for name in fields}})
            if on_error == "throw":
                raise error

        arguments: Any = {_ARGUMENTS[name]: value for name, value in settings.items()}
        self._offset = clock_offset
        arguments["clock"] = lambda: time.time_ns() + self._offset * 1_000_000
        arguments["monotonic_clock"] = lambda: time.monotonic_ns() + self._passed * 1_000_000
        self._client = EkaClient(service_name, on_error=write_error, **arguments)
        self._registry = CollectorRegistry()
        if metrics:
            prometheus.register(self._client, registry=self._registry)
        return {"instance_id": self._client.instance_id}

    def span(self, trace_id: str, span_id: str) -> dict[str, Any]:
        """Makes a span active."""
        span = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False)
        attach(set_span_in_context(NonRecordingSpan(span)))
        return {}

    def metrics(self) -> dict[str, Any]:
        """Returns what the client exposes to Prometheus."""
        return {"text": generate_latest(self._registry).decode()}

    def record(self, call: dict[str, Any], times: int = 1, threads: int = 1) -> dict[str, Any]:
        """Records that many times in each thread."""
        return repeat(lambda: self._client.record(**call), times, threads)

    def log(self, call: dict[str, Any]) -> dict[str, Any]:
        """Records one failure."""
        return repeat(lambda: self._client.log(**call), 1, 1)

    def record_many(self, calls: list[dict[str, Any]], times: int = 1) -> dict[str, Any]:
        """Records several events, all or none."""
        values = [Usage(**call) for call in calls * times]
        return batch(self._client.record_many(values), len(values))

    def record_amounts(self, call: dict[str, Any], amounts: list[dict[str, Any]]) -> dict[str, Any]:
        """Records several amounts of one piece of work, all or none."""
        given = [
            (find_metric(item["product"], item["metric_type"]), item["quantity"], item.get("cost"))
            for item in amounts
        ]
        return batch(self._client.record_amounts(amounts=given, **call), len(given))

    def void(self, call: dict[str, Any]) -> dict[str, Any]:
        """Takes an event back."""
        return single(self._client.void(**by_metric(call)))

    def session(
        self,
        call: dict[str, Any],
        elapsed: int,
        wall: int | None = None,
        fails: bool = False,
        ends: int = 1,
    ) -> dict[str, Any]:
        """Records a session in this process, by clocks that move meanwhile."""
        running = self._client.session(**by_metric(call))
        self._passed += elapsed
        self._offset += elapsed if wall is None else wall
        ids = [running.end("error" if fails else None) for _ in range(ends)]
        return {"accepted": list(filter(None, ids)), "rejected": 0}

    def session_boundary(
        self, boundary: str, call: dict[str, Any], session_id: str, at: object = None
    ) -> dict[str, Any]:
        """Records a boundary of a session."""
        record = getattr(self._client, f"session_{boundary}")
        return single(record(**by_metric(call), session_id=session_id, at=at))

    def usage_client(
        self,
        client: dict[str, Any],
        method: str,
        token: str,
        given: Any,
        asynchronous: bool = False,
    ) -> dict[str, Any]:
        """Makes one call of a client of the HTTP API."""
        return drive_usage_client(client, method, token, given, asynchronous)

    def flush(self, timeout: int) -> dict[str, Any]:
        """Waits for the queued events."""
        started = time.monotonic()
        queued = self._client.flush(timeout / 1000)
        return {"queued": queued, "took": milliseconds(started)}

    def stats(self) -> dict[str, Any]:
        """Returns the counters."""
        return dict(self._client.stats()._asdict())

    def shutdown(self, timeout: int | None = None) -> dict[str, Any]:
        """Shuts the client down."""
        started = time.monotonic()
        undelivered = self._client.shutdown(None if timeout is None else timeout / 1000)
        return {"undelivered": undelivered, "took": milliseconds(started)}

    def exit(self, code: int) -> None:
        """Ends the process as Python does, without a shutdown."""
        sys.exit(code)

    def halt(self, code: int) -> None:
        """Ends the process at once, without running any exit hook."""
        os._exit(code)

    def throw(self) -> None:
        """Ends the process with an uncaught exception."""
        raise Uncaught("uncaught exception")

    def hog(self) -> None:
        """Ends the process by exhausting its memory."""
        allocated: list[bytearray] = []
        try:
            while True:
                allocated.append(bytearray(2**24))
        except MemoryError as error:
            del allocated
            raise Uncaught("out of memory") from error

    def handle(self, signal: str) -> dict[str, Any]:
        """Handles a signal as a service does that has a handler of its own."""
        signals.signal(signals.Signals[signal], lambda *_: sys.exit(0))
        return {}

    def stream(self, call: dict[str, Any], times: int, pause: int = 0) -> dict[str, Any]:
        """Records, and reports each event as accepted at once."""
        streamed = done = 0
        while not times or done < times:
            event_id = self._client.record(**call)
            done += 1
            if event_id is None:
                time.sleep(0.001)  # rejected: the cause lasts a while
                continue
            streamed += 1
            os.write(1, b'{"accepted": "%s"}\n' % event_id.encode())
            if pause:
                time.sleep(pause / 1000)
        return {"streamed": streamed}

    def fork(self, call: dict[str, Any], times: int) -> dict[str, Any]:
        """Records in a forked child, which then ends by itself."""
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


def repeat(call: Callable[[], str | None], times: int, threads: int) -> dict[str, Any]:
    """Makes a call many times in each of many threads, and summarizes the results."""

    def run() -> tuple[list[str | None], float]:
        ids, slowest = [], 0.0
        for _ in range(times):
            started = time.monotonic()
            ids.append(call())
            slowest = max(slowest, time.monotonic() - started)
        return ids, slowest

    with ThreadPoolExecutor(threads) as pool:
        # A thread has the context of the caller, as an instrumented pool gives it.
        contexts = [copy_context() for _ in range(threads)]
        runs = list(pool.map(lambda context: context.run(run), contexts))
    ids = [event_id for part, _ in runs for event_id in part]
    accepted = [event_id for event_id in ids if event_id is not None]
    slowest = max(part for _, part in runs) * 1000
    return {"accepted": accepted, "rejected": len(ids) - len(accepted), "slowest": slowest}


def by_metric(call: dict[str, Any]) -> dict[str, Any]:
    """Returns a call with the constant of its metric type in place of names."""
    rest = {name: value for name, value in call.items() if name not in {"product", "metric_type"}}
    return {**rest, "metric": find_metric(call["product"], call["metric_type"])}


def single(event_id: str | None) -> dict[str, Any]:
    """Returns the result of a call that records one event."""
    return batch(None if event_id is None else [event_id], 1)


def batch(ids: list[str] | None, count: int) -> dict[str, Any]:
    """Returns the result of a call that accepts all of its events or none."""
    return {"accepted": ids or [], "rejected": count if ids is None else 0}


def drive_usage_client(
    client: dict[str, Any], method: str, token: str, given: Any, is_async: bool
) -> dict[str, Any]:
    """Makes one call of a client of the HTTP API, on a clock that does not wait."""
    from eka_usage.http import UsageClient, UsageError  # httpx is slow to import

    slept: list[float] = []
    lines = _Lines()
    logger = logging.getLogger("eka_usage")
    logger.addHandler(lines)
    before = copy.deepcopy(given)
    result = thrown = None
    try:
        if is_async:
            result = asyncio.run(_call_async(client, method, token, given, slept))
        else:
            with UsageClient(**client, sleep=slept.append) as usage:
                result = getattr(usage, method)(token, given)
    except UsageError as error:
        names = ("status", "code", "details")
        thrown = {**{name: getattr(error, name) for name in names}, "message": str(error)}
    finally:
        logger.removeHandler(lines)
    assert given == before, "the caller's object is changed"
    waits = [round(seconds * 1000) for seconds in slept]
    return {"result": result, "thrown": thrown, "slept": waits, "logged": lines.found}


async def _call_async(
    client: dict[str, Any], method: str, token: str, given: Any, slept: list[float]
) -> Any:
    from eka_usage.http import AsyncUsageClient

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with AsyncUsageClient(**client, sleep=sleep) as usage:
        return await getattr(usage, method)(token, given)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


def milliseconds(started: float) -> float:
    """Returns the milliseconds since `started`."""
    return (time.monotonic() - started) * 1000


def answer(driver: Driver, line: str) -> None:
    """Answers one request."""
    request: dict[str, Any] = {}
    try:
        request = json.loads(line)
        arguments = {key: value for key, value in request.items() if key not in {"id", "do"}}
        reply = getattr(driver, request["do"])(**arguments)
    except Exception as error:  # noqa: BLE001  any error is answered as a fault
        reply = {"fault": f"{type(error).__name__}: {error}"}
    write_line({"id": request.get("id"), **reply})


if __name__ == "__main__":
    one = Driver()
    for row in sys.stdin:
        answer(one, row)

"""Measures, for scale, what other usage clients cost their caller, against the same floor.

They post JSON to an HTTP API, here a server that only counts. The floors are those of the
SDKs' own benchmarks.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from posthog import Posthog
from segment.analytics.client import Client as Segment  # type: ignore[import-untyped]

from tests.bench.python_sdk import FLOOR, KINDS, WORKSPACES, Cost, emit_ratio, measure, raw
from tests.bench.rows import BIN, ROOT
from tests.broker import DevBroker
from tests.conformance.drivers import build

EVENTS = 10_000
ROUNDS = 5
USAGE = {"product": "api", "metric_type": "api_call", "quantity": 1, "status": "ok"}


@contextmanager
def null_server() -> Iterator[str]:
    """Runs a null server and yields its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.null_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()


def posthog(address: str) -> Cost:
    """Measures PostHog's client with defaults, except for its queue size."""
    client = Posthog("key", host=address, max_queue_size=EVENTS)

    def work() -> None:
        for number in range(EVENTS):
            client.capture("usage", distinct_id=WORKSPACES[number % 50], properties=USAGE)

    cost = measure(work, lambda: client.flush(60), EVENTS)
    client.shutdown()
    return cost


def segment(address: str) -> Cost:
    """Measures Segment's client with defaults, except for its queue size."""
    client = Segment("key", host=address, max_queue_size=EVENTS)

    def work() -> None:
        for number in range(EVENTS):
            client.track(WORKSPACES[number % 50], "usage", USAGE)

    cost = measure(work, client.flush, EVENTS)
    client.shutdown()
    return cost


def delivering(client: Callable[[str], Cost]) -> Cost:
    """Measures a client and asserts that all its events arrived."""
    with null_server() as address:
        cost = client(address)
        with urllib.request.urlopen(address) as response:
            received = json.load(response)["events"]
    if received != EVENTS:
        raise RuntimeError(f"{received} of {EVENTS} events arrived")
    return cost


def main() -> None:
    """Measures each client and the floor in turn."""
    logging.disable()
    clients = {"PostHog capture()": posthog, "Segment track()": segment}
    floors: list[Cost] = []
    costs: dict[str, list[Cost]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        with DevBroker() as broker:
            floors.append(raw(broker.bootstrap))
        for name, client in clients.items():
            costs[name].append(delivering(client))
    for name, rows in costs.items():
        columns = zip(KINDS, zip(*rows, strict=True), zip(*floors, strict=True), strict=True)
        for kind, ours, least in columns:
            emit_ratio(f"{name}: {kind}", ours, FLOOR, least)
    build("typescript")
    with null_server() as address:
        subprocess.run(
            [BIN / "node", "--expose-gc", "bench/others.ts", address],
            cwd=ROOT / "sdks/typescript",
            check=True,
        )


if __name__ == "__main__":
    main()

"""Broker, sink, HTTP API and pages on one embedded store with a day of usage, until Ctrl-C.

Everything is in a temporary folder, and gone afterwards.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from eka_usage._generated.catalog import BATCH_MAX_EVENTS

from infra.sink.arguments import address
from tests.api.server import ApiServer
from tests.broker import DevBroker
from tests.e2e.day import usage
from tests.waiting import eventually

_SERVICE = "demo"


def main() -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", type=address, default="127.0.0.1:8080", metavar="HOST:PORT")
    host, port = parser.parse_args().listen
    try:
        with tempfile.TemporaryDirectory(prefix="usage-") as folder:
            _serve(Path(folder), f"{host}:{port}")
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(folder: Path, listen: str) -> None:
    store = f"chdb://{folder}/store"
    with (
        _interruptible(),
        DevBroker(data_dir=folder / "kafka") as broker,
        ApiServer(folder, broker.bootstrap, "--listen", listen, "--dsn", store) as api,
    ):
        key = api.new_key(_SERVICE, "--scope", "write", "--scope", "read")
        events = _events(datetime.now(UTC))
        with api.client(key) as client:
            for start in range(0, len(events), BATCH_MAX_EVENTS):
                batch = events[start : start + BATCH_MAX_EVENTS]
                client.post("/v1/events", json=batch).raise_for_status()
            eventually(lambda: _stored(client) == len(events), "the events do not arrive")
        print(f"{len(events)} events of a day are stored. Log in with the key, or send it as")
        print("`Authorization: Bearer KEY`. Ctrl-C ends everything.\n")
        print(f"pages     {api.address}/\nkey       {key}", flush=True)
        signal.pause()


def _events(now: datetime) -> list[dict[str, Any]]:
    """Returns the day of the demo, its events in the 24 hours up to now."""
    calls = usage()
    times = [now - timedelta(days=1) * (number / len(calls)) for number in range(len(calls))]
    return [
        {**call, "occurred_at": time.isoformat()} for call, time in zip(calls, times, strict=True)
    ]


def _stored(client: httpx.Client) -> int:
    total: int = client.get("/v1/events?limit=1").raise_for_status().json()["meta"]["total"]
    return total


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lets SIGTERM end everything as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())

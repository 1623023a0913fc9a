"""A sink as a process of its own, and what its tests put into Kafka and read from the store."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from infra.sink._generated.fields import DATABASE, FIELDS, TABLE, USAGE_TOPIC
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.waiting import eventually

SECONDS = 60
_NOON = "2026-03-10T12:00:00.000Z"
_USUAL: Mapping[str, Any] = {
    "string": "x",
    "number": 1,
    "integer": 1,
    "flag": 1,
    "json": "{}",
    "timestamp": _NOON,
}


def event(**differs: Any) -> dict[str, Any]:
    """A sound event, but for what is said of it."""
    return {field.name: _USUAL[field.kind] for field in FIELDS} | differs


def encoded(event: Mapping[str, Any]) -> bytes:
    """As SDKs write it."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def produce(bootstrap: str, values: Iterable[bytes | None], **rest: Any) -> None:
    """Puts messages on the usage topic."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "message.max.bytes": 2_000_000,
            "enable.metrics.push": False,
        }
    )
    for value in values:
        producer.produce(USAGE_TOPIC, value=value, **rest)
        producer.poll(0)
    assert producer.flush(SECONDS) == 0


class Sink:
    """`python -m infra.sink run` against a chDB folder; what it says is in a file."""

    def __init__(self, bootstrap: str, folder: Path, *options: str, name: str = "store") -> None:
        self.dsn = f"chdb://{folder}/{name}"
        self._said = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "infra.sink", "run", "--brokers", bootstrap]
        self._command += ["--dsn", self.dsn, "--batch-seconds", "0.2", "--progress-seconds", "0.2"]
        self._command += ["--instance", name, *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._before = 0

    def start(self) -> None:
        """Starts it, or starts it again."""
        with self._said.open("ab") as said:
            self._before = said.tell()
            self._process = subprocess.Popen(self._command, stderr=said)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by a signal, and returns its exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            return self._process.wait(SECONDS)
        finally:
            self._process.kill()

    @property
    def said(self) -> str:
        """All that it said since it last started."""
        with self._said.open("rb") as said:
            said.seek(self._before)
            return said.read().decode()

    @property
    def stored(self) -> int:
        """How many events it says that it stored since it last started."""
        said = re.findall(r"stored ([\d,]+)", self.said)
        return int(said[-1].replace(",", "")) if said else 0

    def metrics(self) -> dict[str, float]:
        """What it tells Prometheus, where it has said that it does."""
        [port] = re.findall(r"serves metrics on port (\d+)", self.said)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("usage_sink_"))
        return {name: float(value) for name, value in pairs}

    def until(self, text: str) -> None:
        """Waits until it has said something."""
        eventually(lambda: text in self.said, lambda: f"{text!r} is not in\n{self.said}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)

    def migrate(self) -> Self:
        """Makes its tables."""
        with open_store(self.dsn) as client:
            migrate(client)
        return self

    @contextmanager
    def store(self) -> Iterator[Client]:
        """What it stored, once it has ended."""
        with open_store(self.dsn) as client:
            yield client

    def rows(self, what: str = "count()", final: str = "FINAL") -> list[tuple[Any, ...]]:
        """What a query finds in the table, each event counted once."""
        with self.store() as client:
            query = f"SELECT {what} FROM {DATABASE}.{TABLE} {final}"
            return [tuple(row) for row in client.query(query).result_rows]

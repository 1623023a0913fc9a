"""Runs a sink as a process, produces messages for it and queries what it stored."""

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
from eka_usage.testing import InMemoryProducer

from infra.sink._generated.fields import DATABASE, FIELDS, TABLE, USAGE_TOPIC
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.sink.stores import make_store
from tests.waiting import eventually

SECONDS = 60
_NOON = "2026-03-10T12:00:00.000Z"
_DEFAULTS: Mapping[str, Any] = {
    "string": "x",
    "number": 1,
    "integer": 1,
    "flag": 1,
    "json": "{}",
    "timestamp": _NOON,
}


def event(**fields: Any) -> dict[str, Any]:
    """A valid event, except for the fields given."""
    return {field.name: _DEFAULTS[field.kind] for field in FIELDS if field.required} | fields


def encoded(event: Mapping[str, Any]) -> bytes:
    """Encodes an event as the SDKs do."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def produce(bootstrap: str, values: Iterable[bytes | None], **rest: Any) -> None:
    """Produces messages to the usage topic."""
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


class RecordingProducer(InMemoryProducer):
    """Records the messages of an SDK as it encodes them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []

    def produce(self, *, value: bytes, **rest: Any) -> None:
        """Records the message and reports it as delivered."""
        self.messages.append(value)
        super().produce(value=value, **rest)


class Sink:
    """`usage-sink run` as a process against a chDB folder, or a server; it logs to a file.

    It is a static member of the group, unless `static` is false.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        *options: str,
        name: str = "store",
        static: bool = True,
        dsn: str | None = None,
    ) -> None:
        self._store_folder = None if dsn else folder / name
        self.dsn = dsn or f"chdb://{self._store_folder}"
        self._log_file = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "infra.sink", "run", "--brokers", bootstrap]
        self._command += ["--dsn", self.dsn, "--batch-seconds", "0.2", "--progress-seconds", "0.2"]
        self._command += [*(["--instance", name] if static else []), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Starts the process, also after it stopped."""
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(self._command, stderr=log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stops the process by a signal, and returns its exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            return self._process.wait(SECONDS)
        finally:
            self._process.kill()

    @property
    def log(self) -> str:
        """What the process logged since its last start."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode()

    @property
    def stored(self) -> int:
        """The number of stored events in its last progress line; 0 before the first."""
        counts = re.findall(r"stored ([\d,]+)", self.log)
        return int(counts[-1].replace(",", "")) if counts else 0

    def metrics(self) -> dict[str, float]:
        """Scrapes its metrics; it must have logged that it serves them."""
        [port] = re.findall(r"serving metrics on port (\d+)", self.log)
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/metrics", timeout=SECONDS
        ) as response:
            lines = response.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("eka_usage_sink_"))
        return {name: float(value) for name, value in pairs}

    def wait_for(self, text: str) -> None:
        """Waits until its log contains the text."""
        eventually(lambda: text in self.log, lambda: f"{text!r} is not in\n{self.log}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def migrate(self) -> Self:
        """Creates the tables of its store, or updates them."""
        if self._store_folder is not None and not self._store_folder.exists():
            make_store(self._store_folder)
            return self
        with open_store(self.dsn) as client:
            migrate(client)
        return self

    @contextmanager
    def store(self) -> Iterator[Client]:
        """Opens its store; the process must have stopped."""
        with open_store(self.dsn) as client:
            yield client

    def rows(self, what: str = "count()", final: str = "FINAL") -> list[tuple[Any, ...]]:
        """Queries the table of events, without duplicates unless `final` is empty."""
        with self.store() as client:
            query = f"SELECT {what} FROM {DATABASE}.{TABLE} {final}"
            return [tuple(row) for row in client.query(query).result_rows]

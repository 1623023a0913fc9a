"""Measures the HTTP API against the SDK in process, and against a server that looks at nothing.

CPU time is that of the workers, or of the process that records, until Kafka has all events. Clients
write requests that are ready, on connections that stay open. What is compared takes turns, window
by window, so that other programs meet both alike.

How many events two workers take in a second also depends on the cores that clients, Kafka and other
programs leave to them. So what each event costs them is measured too: at 1.33 of what it costs one
worker, two on cores of their own take 1.5 times as many.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.usage import sql
from infra.sink.usage.query import Period, Query
from tests.api.server import ApiServer
from tests.bench.rows import ROOT, Row, emit, median_ratio
from tests.bench.store import fill
from tests.broker import DevBroker
from tests.environment import environment
from tests.ports import free_port

CALL = {
    "workspace_id": "workspace-1",
    "product": "ekascribe",
    "metric_type": "transcription_minute",
    "quantity": 1.5,
    "metadata": {"region": "ap-south-1", "consultation": "c-1"},
}
ROUNDS, WINDOWS = 3, 10
BATCH, BATCHES, SINGLES = 500, 100, 1_000
CONNECTIONS = 8
MEMORY_EVENTS = 2_000_000
STORED_EVENTS, MONTHS = 1_000_000, 20
_TICKS = os.sysconf("SC_CLK_TCK")
# Records as many events as it is told to, and prints the CPU time that it took.
RECORDING = """
import json, sys, time
from eka_usage import EkaClient
call = json.loads(sys.argv[1])
with EkaClient("svc", spool="durable") as client:
    client.record(**call)
    client.flush(60)
    started = time.process_time()
    for _ in range(int(sys.argv[2])):
        client.record(**call)
    assert client.flush(60) == 0
    print(time.process_time() - started)
"""
# The same server; its answer is ready before the body has arrived.
ACCEPTING = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": head})
        await send({"type": "http.response.body", "body": b"{}"})
"""
SERVING = """
import sys
from granian.constants import HTTPModes, Interfaces, Loops
from granian.server.mp import MPServer
MPServer(
    "accepting:app", port=int(sys.argv[1]), interface=Interfaces.ASGI, loop=Loops.asyncio,
    http=HTTPModes.http1, websockets=False, log_enabled=False,
).serve()
"""


def cpu_seconds(pids: Sequence[int]) -> float:
    """Returns the CPU time of processes."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS


def request(body: Any, token: str = "") -> bytes:
    """Returns a request."""
    content = json.dumps(body).encode()
    head = f"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def send(address: str, content: bytes, times: int) -> None:
    """Sends a request so many times, each after the answer to the one before."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as answers:
            for _ in range(times):
                connection.sendall(content)
                _read_answer(answers)


def _read_answer(answers: Any) -> None:
    status = answers.readline()
    assert b" 202 " in status, status
    length, chunked = 0, False
    while (line := answers.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        chunked |= line == b"transfer-encoding: chunked\r\n"
    if not chunked:
        answers.read(length)
    while chunked and (size := int(answers.readline(), 16)) >= 0:
        answers.read(size + 2)
        chunked = size > 0


def taken(api: ApiServer, token: str, body: Any, times: int) -> float:
    """Returns the CPU seconds of the workers for so many requests, until Kafka has the events."""
    content = request(body, token)
    send(api.address, content, 1)
    workers = api.workers()
    with api.client(token) as client:
        assert client.post("/v1/events?wait=kafka", json=CALL).status_code == 200
        started = cpu_seconds(workers)
        send(api.address, content, times)
        assert client.post("/v1/events?wait=kafka", json=CALL).status_code == 200
    return cpu_seconds(workers) - started


def recorded(bootstrap: str, folder: Path, count: int) -> float:
    """Returns the CPU seconds of so many calls of record() in a process."""
    done = subprocess.run(
        [sys.executable, "-c", RECORDING, json.dumps(CALL), str(count)],
        env=environment(kafka_brokers=bootstrap, spool_dir=str(folder)),
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)


@contextmanager
def accepting(folder: Path, port: int) -> Iterator[list[int]]:
    """Runs a server that looks at nothing; yields its processes."""
    (folder / "accepting.py").write_text(ACCEPTING)
    command = [sys.executable, "-c", SERVING, str(port)]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            while True:
                try:
                    send(f"127.0.0.1:{port}", request(CALL), 1)
                    break
                except OSError:
                    time.sleep(0.05)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield [int(pid) for pid in children.split()]
        finally:
            process.terminate()


def single_events(api: ApiServer, token: str, folder: Path) -> Iterator[tuple[float, float]]:
    """Yields the CPU seconds of single events, and of as many answers without looking."""
    port = free_port()
    mine, unseen = request(CALL, token), request(CALL)
    with accepting(folder, port) as unlooking:
        for content, address in ((mine, api.address), (unseen, f"127.0.0.1:{port}")):
            send(address, content, SINGLES)
        for _ in range(WINDOWS):
            workers = api.workers()
            started = cpu_seconds(workers)
            send(api.address, mine, SINGLES)
            taken = cpu_seconds(workers) - started
            started = cpu_seconds(unlooking)
            send(f"127.0.0.1:{port}", unseen, SINGLES)
            yield taken, cpu_seconds(unlooking) - started


class Load:
    """A server that several clients send batches to."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._content = request([CALL] * BATCH, api.new_key("svc"))
        send(api.address, self._content, 1)

    def measure(self) -> tuple[float, float]:
        """Returns how many events it takes in a second, and the CPU seconds of one."""
        times = BATCHES // CONNECTIONS
        count = BATCH * times * CONNECTIONS
        workers = self._api.workers()
        cpu, started = cpu_seconds(workers), time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            arguments = (self._api.address, self._content, times)
            for each in [pool.submit(send, *arguments) for _ in range(CONNECTIONS)]:
                each.result()
        elapsed = time.perf_counter() - started
        return count / elapsed, (cpu_seconds(workers) - cpu) / count


def scaling(bootstrap: str, folder: Path) -> Iterator[tuple[tuple[float, float], ...]]:
    """Yields what one worker and two take in turn."""
    folders = [folder / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    with (
        ApiServer(folders[0], bootstrap, "--workers", "1") as one,
        ApiServer(folders[1], bootstrap, "--workers", "2") as two,
    ):
        loads = [Load(one), Load(two)]
        for _ in range(WINDOWS):
            yield tuple(each.measure() for each in loads)


def months(bootstrap: str, folder: Path) -> Iterator[tuple[float, float]]:
    """Yields the CPU seconds of a workspace's month by HTTP, and of its query alone."""
    dsn = f"chdb://{folder}/store"
    query = Query(workspaces=("7",), period=Period.month(date(2026, 3, 1)))
    with open_store(dsn) as client:
        migrate(client)
        fill(client, STORED_EVENTS, STORED_EVENTS)
    for _ in range(ROUNDS):
        with open_store(dsn) as client:
            sql.fetch(client, sql.lines(query, datetime.now(UTC)))
            started = time.process_time()
            for _ in range(MONTHS):
                assert sql.fetch(client, sql.lines(query, datetime.now(UTC)))
            alone = time.process_time() - started
        with ApiServer(folder, bootstrap, "--dsn", dsn) as api:
            token = api.new_key("svc", "--scope", "read")
            with api.client(token) as client:
                url = "/v1/usage?month=2026-03&workspace_id=7"
                assert client.get(url).json()["data"]
                servers = api.workers()
                started = cpu_seconds(servers)
                for _ in range(MONTHS):
                    assert client.get(url).status_code == 200
                yield cpu_seconds(servers) - started, alone


def memory(api: ApiServer, token: str) -> tuple[float, float]:
    """Returns the MiB of the workers after a quarter of many events, and after all."""
    content = request([CALL] * BATCH, token)
    found = []
    for part in (1, 3):
        send(api.address, content, MEMORY_EVENTS // BATCH * part // 4)
        status = Path(f"/proc/{api.workers()[0]}/status").read_text()
        [line] = [each for each in status.splitlines() if each.startswith("VmRSS:")]
        found.append(int(line.split()[1]) / 1024)
    return found[0], found[1]


def main() -> None:
    """Measures each with its floor in turn."""
    batches, calls = [], []
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as name, DevBroker() as broker:
        for number in range(ROUNDS):
            folder = Path(name) / str(number)
            folder.mkdir()
            with ApiServer(folder, broker.bootstrap) as api:
                token = api.new_key("svc")
                batches.append(taken(api, token, [CALL] * BATCH, BATCHES))
                calls.append(recorded(broker.bootstrap, folder / "record", BATCH * BATCHES))
        with ApiServer(Path(name), broker.bootstrap) as api:
            token = api.new_key("svc")
            singles, floors = zip(*single_events(api, token, Path(name)), strict=True)
            quarter, full = memory(api, token)
        ones, twos = zip(*scaling(broker.bootstrap, Path(name)), strict=True)
        answers, queries = zip(*months(broker.bootstrap, Path(name)), strict=True)
    count = BATCH * BATCHES
    emit(_row("a batch of 500: CPU an event", batches, count, "record()", calls, at_most=2))
    emit(_row("one event: CPU", singles, SINGLES, "202 unseen", floors, at_most=3))
    rates, costs = zip(*twos, strict=True)
    rates_of_one, costs_of_one = zip(*ones, strict=True)
    emit(
        Row(
            language="api",
            what="two workers: events taken",
            measured=statistics.median(rates),
            unit="events/s",
            floor="one worker",
            ratio=median_ratio(rates, rates_of_one),
            at_least=1.5,
        )
    )
    emit(_row("two workers: CPU an event", costs, 1, "one worker", costs_of_one, at_most=1.33))
    emit(_row("a workspace's month: CPU", answers, MONTHS, "its query", queries, at_most=2))
    emit(
        Row(
            language="api",
            what="memory after 2 million events",
            measured=full,
            unit="MiB",
            floor="after a quarter",
            ratio=full / quarter,
            at_most=1.1,
        )
    )


def _row(
    what: str,
    costs: Sequence[float],
    count: int,
    floor: str,
    least: Sequence[float],
    *,
    at_most: float,
) -> Row:
    return Row(
        language="api",
        what=what,
        measured=statistics.median(costs) / count * 1e6,
        unit="µs",
        floor=floor,
        ratio=median_ratio(costs, least),
        at_most=at_most,
    )


if __name__ == "__main__":
    main()

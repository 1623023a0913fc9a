"""Measures the HTTP API against the SDK in process, and against a server that looks at nothing.

CPU time is that of the workers, or of the process that records, until Kafka has all events. Clients
write requests that are ready, on connections that stay open.
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
from pathlib import Path
from typing import Any

from tests.api.server import ApiServer
from tests.bench.rows import ROOT, Row, emit, median_ratio
from tests.broker import DevBroker
from tests.environment import environment

CALL = {
    "workspace_id": "workspace-1",
    "product": "ekascribe",
    "metric_type": "transcription_minute",
    "quantity": 1.5,
    "metadata": {"region": "ap-south-1", "consultation": "c-1"},
}
ROUNDS = 3
BATCH, BATCHES, SINGLES = 500, 100, 3_000
CONNECTIONS = 8
MEMORY_EVENTS = 2_000_000
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


def unlooked(folder: Path, times: int) -> float:
    """Returns the CPU seconds of a server that answers without looking."""
    from tests.ports import free_port

    port = free_port()
    with accepting(folder, port) as workers:
        started = cpu_seconds(workers)
        send(f"127.0.0.1:{port}", request(CALL), times)
        return cpu_seconds(workers) - started


def throughput(bootstrap: str, folder: Path, workers: int) -> float:
    """Returns how many events a second the API takes, in batches."""
    folder.mkdir()
    with ApiServer(folder, bootstrap, "--workers", str(workers)) as api:
        token = api.new_key("svc")
        content = request([CALL] * BATCH, token)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            started = time.perf_counter()
            times = BATCHES // CONNECTIONS
            for each in [
                pool.submit(send, api.address, content, times) for _ in range(CONNECTIONS)
            ]:
                each.result()
            return BATCH * times * CONNECTIONS / (time.perf_counter() - started)


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
    """Measures each with its floor in turn, every round with new servers."""
    batches, calls, singles, floors, ones, twos = ([] for _ in range(6))
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as name, DevBroker() as broker:
        for number in range(ROUNDS):
            folder = Path(name) / str(number)
            folder.mkdir()
            with ApiServer(folder, broker.bootstrap) as api:
                token = api.new_key("svc")
                batches.append(taken(api, token, [CALL] * BATCH, BATCHES))
                calls.append(recorded(broker.bootstrap, folder / "record", BATCH * BATCHES))
                singles.append(taken(api, token, CALL, SINGLES))
                floors.append(unlooked(folder, SINGLES))
            ones.append(throughput(broker.bootstrap, folder / "one", 1))
            twos.append(throughput(broker.bootstrap, folder / "two", 2))
        with ApiServer(Path(name), broker.bootstrap) as api:
            quarter, full = memory(api, api.new_key("svc"))
    count = BATCH * BATCHES
    emit(_row("a batch of 500: CPU an event", batches, count, "record()", calls, at_most=2))
    emit(_row("one event: CPU", singles, SINGLES, "202 unseen", floors, at_most=3))
    emit(
        Row(
            language="api",
            what="two workers: events taken",
            measured=statistics.median(twos),
            unit="events/s",
            floor="one worker",
            ratio=median_ratio(twos, ones),
            at_least=1.5,
        )
    )
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

"""Measures a good client's latency before and during attacks: python -m tests.api.attacks [NAME…].

Each attack runs in a process of its own, against the real server, with a key where that makes it
worse. A request that repeats is sent 20 times a second, as more is a matter of cores.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker

IDLE, SLOW = 10_000, 500
REQUESTS = 400
_PAUSE = 0.05
_MOST = 1_000_000


def _post(body: bytes, *headers: str) -> bytes:
    lines = [
        "POST /v1/events HTTP/1.1",
        "host: x",
        "authorization: Bearer KEY",
        "content-type: application/json",
        *(headers or (f"content-length: {len(body)}",)),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _bomb() -> bytes:
    body = gzip.compress(bytes(1 << 30), 9)[:_MOST]
    return _post(body, "content-encoding: gzip", f"content-length: {len(body)}")


REPEATED: dict[str, Callable[[], bytes]] = {
    "gzip bombs": _bomb,
    "both lengths": lambda: _post(b"{}", "content-length: 2", "transfer-encoding: chunked"),
    "deep JSON": lambda: _post(b"[" * _MOST),
    "duplicate keys": lambda: _post(b"{" + b'"a":1,' * (_MOST // 6) + b'"a":1}'),
    "huge numbers": lambda: _post(b'{"quantity":1e999999999,"workspace_id":"mine"}'),
    "digits": lambda: _post(b'{"quantity":' + b"9" * _MOST + b"}"),
    "bad UTF-8": lambda: _post(b'{"workspace_id":"\xff"}'),
    "invalid batches": lambda: _post(b"[" + b"{}," * 499 + b"{}]"),
    "unknown names": lambda: _post(b'[{"workspace_idx":1}' + b',{"workspace_idx":1}' * 498 + b"]"),
    "long names": lambda: _post(b'{"' + b"x" * _MOST + b'":1}'),
    "unknown API keys": lambda: _post(b"{}").replace(b"KEY", b"usage_guess"),
    "half a request": lambda: _post(b"{")[:60],
}
HELD = {"idle connections": (IDLE, b""), "slow bodies": (SLOW, _post(b"{", "content-length: 90"))}


async def attack(name: str, address: str, token: str) -> None:
    """Runs one attack until the process is ended; prints a line once it has begun."""
    place = urlsplit(address)
    if name in HELD:
        count, sent = HELD[name]
        for _ in range(count):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(sent.replace(b"KEY", token.encode()))
            _OPEN.append(writer)
        print("begun", flush=True)
        while True:  # each that was answered, or closed, is opened again
            await asyncio.sleep(_PAUSE)
            for index, writer in enumerate(_OPEN):
                if writer.is_closing():
                    _, _OPEN[index] = await asyncio.open_connection(place.hostname, place.port)
                    writer.write(sent.replace(b"KEY", token.encode()))
    request = REPEATED[name]().replace(b"KEY", token.encode())
    print("begun", flush=True)
    while True:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(request)
            await asyncio.wait_for(reader.read(65_536), 1)
        except (OSError, TimeoutError):
            pass
        writer.close()
        await asyncio.sleep(_PAUSE)


_OPEN: list[asyncio.StreamWriter] = []


def p99(client: httpx.Client) -> float:
    """Returns the 99th percentile of single events, in seconds, each on its own connection."""
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        response = client.post("/v1/events", json=CALL, headers={"connection": "close"})
        taken.append(time.perf_counter() - started)
        assert response.status_code == 202, response.text
    return statistics.quantiles(taken, n=100)[98]


def main(names: list[str]) -> None:
    """Prints a line for each attack."""
    _raise_limit()
    with DevBroker() as broker, tempfile.TemporaryDirectory() as folder:
        arguments = ("--workers", "2")
        with ApiServer(Path(folder), broker.bootstrap, *arguments) as api:
            token = api.new_key("svc")
            with api.client(token) as client:
                p99(client)
                for name in names or [*HELD, *REPEATED]:
                    before = p99(client)
                    command = [sys.executable, "-m", "tests.api.attacks", "--attack"]
                    with subprocess.Popen(
                        [*command, name, api.address, token], stdout=subprocess.PIPE
                    ) as attacker:
                        assert attacker.stdout is not None
                        attacker.stdout.readline()
                        during = p99(client)
                        attacker.kill()
                    after = p99(client)
                    calm = max(before, after)
                    figures = f"{before * 1e3:.1f} ms before, {during * 1e3:.1f} ms during"
                    verdict = "met" if during <= 2 * calm else "MISSED"
                    print(
                        f"{name}: p99 {figures}, {during / calm:.2f} (aim 2) {verdict}", flush=True
                    )


def _raise_limit() -> None:
    """Lets this process and its children open as many files as they may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        asyncio.run(attack(*sys.argv[2:]))
    else:
        main(sys.argv[1:])

"""Measures a good client's latency before and during attacks: python -m tests.api.attacks [NAME…].

Each attack runs in a process of its own, against the real server, with a key where that makes it
worse. A request that repeats is sent 20 times a second, as more is a matter of cores; the attacker
yields the cores to the others, as it would on a machine of its own. Calm and attack alternate, so
that what else happens on the machine meets both alike.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx

from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker

IDLE, SLOW = 10_000, 500
ROUNDS, REQUESTS = 8, 100
_PAUSE = 0.05
_MOST = 1_000_000
AIM = 2


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


def _event(metadata: bytes) -> bytes:
    """Returns an event that is valid but for what its metadata may cost."""
    return json.dumps(CALL).encode()[:-1] + b',"metadata":{' + metadata + b"}}"


def _wide(item: bytes, most: int = 130_000) -> bytes:
    """Returns an event whose metadata is a list of as many of an item as it may have."""
    return _event(b'"a":[' + b",".join([item] * (most // (len(item) + 1))) + b"]")


def _keys() -> bytes:
    return _event(b",".join(b'"%d":1' % number for number in range(12_000)))


# Each is one event, as large as a server takes them.
EVENTS = {
    "lists": lambda: _wide(b"[]"),
    "zeros": lambda: _wide(b"0"),
    "decimals": lambda: _wide(b"0.1"),
    "exponents": lambda: _wide(b"1e-300"),
    "escapes": lambda: _wide(b'"' + rb"\u0000" * 99 + b'"'),
    "short keys": _keys,
    "deep lists": lambda: _wide(b"[" * 60 + b"]" * 60),
    # Its metadata is not cut.
    "lists, of which it may have so many": lambda: _wide(b"[]", 30_000),
}


def _alone(event: Callable[[], bytes]) -> bytes:
    return _post(event())


REPEATED: dict[str, Callable[[], bytes]] = {
    "gzip bombs": _bomb,
    "both lengths": lambda: _post(b"{}", "content-length: 2", "transfer-encoding: chunked"),
    "deep JSON": lambda: _post(b"[" * _MOST),
    "duplicate keys": lambda: _post(b"{" + b'"a":1,' * (_MOST // 6) + b'"a":1}'),
    "empty objects": lambda: _post(b"[" + b"{}," * (_MOST // 3) + b"{}]"),
    "an event of empty objects": lambda: _post(b'{"metadata":[' + b"{}," * 43_000 + b"{}]}"),
    "huge numbers": lambda: _post(b'{"quantity":1e999999999,"workspace_id":"mine"}'),
    "digits": lambda: _post(b'{"quantity":' + b"9" * _MOST + b"}"),
    "bad UTF-8": lambda: _post(b'{"workspace_id":"\xff"}'),
    "invalid batches": lambda: _post(b"[" + b"{}," * 499 + b"{}]"),
    "unknown names": lambda: _post(b'[{"workspace_idx":1}' + b',{"workspace_idx":1}' * 498 + b"]"),
    "long names": lambda: _post(b'{"' + b"x" * _MOST + b'":1}'),
    "unknown API keys": lambda: _post(b"{}").replace(b"KEY", b"usage_guess"),
    "half a request": lambda: _post(b"{")[:60],
    "wide events": lambda: _post(b"[" + b",".join([_wide(b"[]", 30_000)] * 16) + b"]"),
    **{f"an event of {what}": partial(_alone, event) for what, event in EVENTS.items()},
}
HELD = {"idle connections": (IDLE, b""), "slow bodies": (SLOW, _post(b"{", "content-length: 90"))}


async def attack(name: str, address: str, token: str) -> None:
    """Runs one attack whenever it may: `go` and `rest` on standard input, each of which it answers.

    The answer to `rest` is how many requests were sent since `go`.
    """
    os.nice(10)
    place = urlsplit(address)
    if name in HELD:
        count, content = HELD[name]
        act = partial(_hold, place, count, content.replace(b"KEY", token.encode()))
    else:
        act = partial(_repeat, place, REPEATED[name]().replace(b"KEY", token.encode()))
    running: asyncio.Task[None] | None = None
    while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if order == "go":
            _SENT.clear()
            begun = asyncio.Event()
            running = asyncio.create_task(act(begun))
            await begun.wait()
        elif running is not None:
            running.cancel()
            await asyncio.wait([running])
        print(len(_SENT), flush=True)


async def _hold(place: SplitResult, count: int, content: bytes, begun: asyncio.Event) -> None:
    """Keeps connections; each that was answered, or closed, is opened again."""
    held: list[asyncio.StreamWriter] = []

    async def opened() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(content)
        _SENT.append(1)
        return writer

    try:
        while len(held) < count:
            held.append(await opened())
        begun.set()
        while True:
            await asyncio.sleep(_PAUSE)
            for index, writer in enumerate(held):
                if writer.is_closing():
                    held[index] = await opened()
    finally:
        for writer in held:
            writer.close()


async def _repeat(place: SplitResult, request: bytes, begun: asyncio.Event) -> None:
    """Sends a request again and again."""
    begun.set()
    while True:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        _SENT.append(1)
        try:
            writer.write(request)
            async with asyncio.timeout(1):  # wait_for() may lose the order to rest
                await reader.read(65_536)
        except (OSError, TimeoutError):
            pass
        writer.close()
        await asyncio.sleep(_PAUSE)


_SENT: list[int] = []


def latencies(client: httpx.Client) -> list[float]:
    """Returns the seconds that single events take, each on its own connection."""
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        response = client.post("/v1/events", json=CALL, headers={"connection": "close"})
        taken.append(time.perf_counter() - started)
        assert response.status_code == 202, response.text
    return taken


def p99(taken: list[float]) -> float:
    """Returns the 99th percentile."""
    return statistics.quantiles(taken, n=100)[98]


def compare(name: str, address: str, token: str, client: httpx.Client) -> str:
    """Returns a line about one attack."""
    command = [sys.executable, "-m", "tests.api.attacks", "--attack", name, address, token]
    calm, during, sent = [], [], 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attacker:

        def tell(order: str) -> int:
            assert attacker.stdin is not None
            assert attacker.stdout is not None
            print(order, file=attacker.stdin, flush=True)
            return int(attacker.stdout.readline())

        tell("rest")  # it is ready
        for _ in range(ROUNDS):
            calm += latencies(client)
            tell("go")
            during += latencies(client)
            sent += tell("rest")
        attacker.kill()
    ratio = p99(during) / p99(calm)
    verdict = "met" if ratio <= AIM else "MISSED"
    return (
        f"{name}: p99 {p99(calm) * 1e3:.1f} ms before, {p99(during) * 1e3:.1f} ms during "
        f"({sent} sent), {ratio:.2f} (aim {AIM}) {verdict}; "
        f"median {statistics.median(during) / statistics.median(calm):.2f}"
    )


def main(names: list[str]) -> None:
    """Prints a line for each attack."""
    _raise_limit()
    with DevBroker() as broker, tempfile.TemporaryDirectory() as folder:
        arguments = ("--workers", "2")
        with ApiServer(Path(folder), broker.bootstrap, *arguments) as api:
            token = api.new_key("svc")
            with api.client(token) as client:
                latencies(client)
                for name in names or [*HELD, *REPEATED]:
                    print(compare(name, api.address, token, client), flush=True)


def _raise_limit() -> None:
    """Lets this process and its children open as many files as they may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attack"]:
        asyncio.run(attack(*sys.argv[2:]))
    else:
        main(sys.argv[1:])

"""The server as a process: start, drain, a full spool, kill -9, and clients that mean harm."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.kill import kill_under_load
from tests.api.server import ApiServer
from tests.api.test_events import CALL, error
from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.ports import free_port
from tests.successor import deliver_the_rest
from tests.waiting import eventually


def test_it_refuses_a_spool_that_is_not_durable(broker: DevBroker, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="EKA_SPOOL=spill: what is answered must be on disk"):
        ApiServer(tmp_path, broker.bootstrap, spool="spill")


def test_it_says_what_is_wrong_with_its_arguments(broker: DevBroker, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match="cannot listen on"):
            ApiServer(tmp_path, broker.bootstrap, "--listen", address)
    with pytest.raises(RuntimeError, match="make one with `usage-api keys new`"):
        ApiServer(tmp_path, broker.bootstrap, "--keys", str(tmp_path / "none.json"))


def test_after_sigterm_it_is_not_ready_but_answers(broker: DevBroker, tmp_path: Path) -> None:
    with ApiServer(tmp_path, broker.bootstrap, "--drain-seconds", "600") as api:
        with api.client(api.new_key("svc")) as client:
            api.terminate()
            eventually(lambda: client.get("/readyz").status_code == 503)
            assert client.post("/v1/events", json=CALL).status_code == 202
        api.kill()


def test_sigterm_sends_what_was_accepted(broker: DevBroker, tmp_path: Path) -> None:
    with ApiServer(tmp_path, broker.bootstrap, shutdown_timeout_ms="60000") as api:
        with api.client(api.new_key("svc")) as client:
            ids = client.post("/v1/events", json=[CALL] * 100).json()["ids"]
        workers = api.workers()
        assert workers
    deliver_the_rest(broker.bootstrap, tmp_path / "spool")  # if Kafka was slow
    assert set(ids) <= {event.event_id for event in read_events(broker.bootstrap)}
    eventually(lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[ApiServer]:
    """A server without a broker, whose spool is small."""
    nowhere = f"127.0.0.1:{free_port()}"
    with ApiServer(tmp_path, nowhere, spool_max_bytes=str(16 * 2**20)) as api:
        yield api
        api.kill()


def test_a_full_spool_asks_clients_to_wait(cut_off: ApiServer) -> None:
    call = {**CALL, "metadata": {"text": "x" * 5_000}}
    with cut_off.client(cut_off.new_key("svc")) as client:
        accepted = 0
        while (response := client.post("/v1/events", json=[call] * 80)).status_code == 202:
            accepted += 80
        found = error(response, 429)
        assert found["code"] in {"server.overloaded", "spool.full"}
        assert response.headers["retry-after"] == "30"
    assert accepted > 1_000


def test_whatever_was_answered_with_202_survives_kill_9(broker: DevBroker, tmp_path: Path) -> None:
    acknowledged = kill_under_load(broker, tmp_path, kills=2)
    assert acknowledged > 400


def test_slow_clients_are_answered_and_others_are_served(broker: DevBroker, tmp_path: Path) -> None:
    with ApiServer(tmp_path, broker.bootstrap, "--body-seconds", "0.5") as api:
        token = api.new_key("svc")
        host, port = api.address.removeprefix("http://").split(":")
        head = (
            f"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
            "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        slow = [socket.create_connection((host, int(port))) for _ in range(50)]
        for connection in slow:
            connection.sendall(head.encode())
        with api.client(token) as client:
            assert client.post("/v1/events", json=CALL).status_code == 202
        for connection in slow:
            connection.settimeout(30)
            assert b" 408 " in connection.recv(65_536).split(b"\r\n")[0]
            connection.close()


@pytest.mark.parametrize(
    "lines",
    [
        ("POST /v1/events HTTP/1.1", "content-length: 5", "transfer-encoding: chunked"),
        ("POST /v1/events HTTP/1.1", "content-length: 5", "content-length: 6"),
        ("POST /v1/events HTTP/1.1", "content-length: -1"),
        ("POST /v1/events HTTP/1.1", *(f"x-{n}: {'y' * 4096}" for n in range(200))),
        ("GET / HTTP/9.9",),
        ("\0\0\0",),
    ],
    ids=["both lengths", "two lengths", "negative", "headers", "version", "no HTTP"],
)
def test_ambiguous_requests_are_refused(lines: tuple[str, ...], api: ApiServer) -> None:
    host, port = api.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join((lines[0], "host: x", *lines[1:], "", "{}{}{}")).encode())
        answer = b""
        try:
            while chunk := connection.recv(65_536):
                answer += chunk
        except (ConnectionResetError, TimeoutError):
            pass
    assert b"HTTP/1.1 2" not in answer


def test_ten_thousand_idle_connections_stop_nobody(broker: DevBroker, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    count = 10_000 if before[1] == resource.RLIM_INFINITY else min(10_000, before[1] - 1_000)
    idle: list[socket.socket] = []
    try:
        with ApiServer(tmp_path, broker.bootstrap) as api:
            host, port = api.address.removeprefix("http://").split(":")
            for _ in range(count):
                idle.append(socket.create_connection((host, int(port)), timeout=60))  # noqa: PERF401  those so far are closed if one fails
            with api.client(api.new_key("svc")) as client:
                assert client.post("/v1/events", json=CALL).status_code == 202
            # Each is closed when its time for the head of a request is over.
            for connection in idle[:: count // 10]:
                assert connection.recv(1) == b""
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

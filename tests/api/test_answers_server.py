"""The server over a folder: one process has the store and the sink, and workers ask it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from infra.sink._generated.fields import USAGE_TOPIC
from tests.api.server import ApiServer
from tests.api.test_events import CALL
from tests.broker import DevBroker
from tests.waiting import eventually


def _store_process(api: ApiServer) -> int:
    """Returns the process that has the lock of the folder."""
    [found] = [pid for pid in api.workers() if _is_locker(pid)]
    return found


def _is_locker(pid: int) -> bool:
    names = (each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir())
    return any(name.match("store/status") for name in names)


def _total(client: httpx.Client) -> int | None:
    response = client.get("/v1/events")
    if response.status_code != 200:
        assert response.json()["error"]["code"] == "store.unavailable"
        return None
    found: int = response.json()["meta"]["total"]
    return found


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[DevBroker]:
    """A broker whose topics no other test uses."""
    with DevBroker(data_dir=tmp_path / "kafka") as running:
        yield running


def test_a_folder_is_written_and_read_by_one_process(own_broker: DevBroker, tmp_path: Path) -> None:
    arguments = ("--workers", "2", "--dsn", f"chdb://{tmp_path}/store")
    with ApiServer(tmp_path, own_broker.bootstrap, *arguments) as api:
        token = api.new_key("svc", "--scope", "write", "--scope", "read")
        with api.client(token) as client:
            ids = client.post("/v1/events", json=[CALL] * 20).json()["ids"]
            eventually(lambda: _total(client) == 20)
            assert {row["event_id"] for row in client.get("/v1/events").json()["data"]} == {*ids}
            assert client.get(f"/v1/events/{ids[3]}").json()["data"][0]["row"]["event_id"] == ids[3]
            producer = Producer({"bootstrap.servers": own_broker.bootstrap})
            producer.produce(USAGE_TOPIC, b"not an event")
            assert producer.flush(60) == 0
            eventually(lambda: client.get("/v1/rejected").json()["meta"]["total"] == 1)
            [letter] = client.get("/v1/rejected").json()["data"]
            assert (letter["code"], letter["value"]) == ("malformed", "not an event")
            with api.client(api.new_key("svc", "--scope", "read", "--workspace", "x")) as other:
                assert other.get("/v1/rejected").json()["data"] == []
            # The sink of the next process waits until the group has forgotten this one.
            os.kill(_store_process(api), signal.SIGKILL)
            assert client.post("/v1/events", json=CALL).status_code == 202
            eventually(lambda: _total(client) in {20, 21})
        server = api.workers()
    eventually(lambda: not [pid for pid in server if Path(f"/proc/{pid}").exists()])
    # Whoever comes next finds the folder free.
    command = [sys.executable, "-m", "infra.sink", "events", "--all", "--format", "csv"]
    command += ["--dsn", f"chdb://{tmp_path}/store"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) in {21, 22}

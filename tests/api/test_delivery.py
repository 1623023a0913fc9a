"""`?wait=kafka`: an answer once Kafka has the events, or that they are on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.api.server import ApiServer
from tests.api.test_events import CALL, error
from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.ports import free_port

WAIT = "/v1/events?wait=kafka"


def test_kafka_has_what_is_answered_with_200(
    any_workspace: httpx.Client, broker: DevBroker
) -> None:
    def send(number: int) -> list[str]:
        response = any_workspace.post(WAIT, json=[CALL] * number)
        assert (response.status_code, response.json()["stored"]) == (200, "kafka"), response.text
        ids: list[str] = response.json()["ids"]
        return ids

    with ThreadPoolExecutor(4) as pool:
        ids = {each for found in pool.map(send, range(1, 21)) for each in found}
    assert len(ids) == 210
    assert ids <= {event.event_id for event in read_events(broker.bootstrap)}


def test_without_kafka_they_are_on_disk(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with ApiServer(tmp_path, nowhere, "--relay-seconds", "0.5") as api:
        with api.client(api.new_key("svc")) as client:
            response = client.post(WAIT, json=CALL)
            assert (response.status_code, response.json()["stored"]) == (202, "disk")
            assert len(response.json()["ids"]) == 1
            found = error(client.post("/v1/events?wait=long", json=CALL), 422)
            assert found["code"] == "options.invalid"
        api.kill()

"""`POST /v1/events/encoded`: an SDK's bytes reach Kafka as they are, or are refused by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eka_usage import EkaClient, metrics

from tests.api.server import ApiServer
from tests.api.test_events import error
from tests.broker import DevBroker
from tests.e2e.reader import read_messages
from tests.ports import free_port

METRIC = metrics.ekascribe.transcription_minute


class Encoding:
    """A client of the service `svc`, and the lines that it would send."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.client = EkaClient("svc", producer=self)

    def produce(self, topic: str, value: bytes | None = None, **_: Any) -> None:
        self.lines.append(value or b"")

    def poll(self, timeout: float = 0) -> int:
        return 0

    def flush(self, timeout: float = 0) -> int:
        return 0

    def __len__(self) -> int:
        return 0


@pytest.fixture
def sdk() -> Iterator[Encoding]:
    encoding = Encoding()
    with encoding.client:
        yield encoding


@pytest.fixture(scope="module")
def relayed(api: ApiServer) -> Iterator[httpx.Client]:
    """A client for the workspace `mine` with the scope of encoded events."""
    arguments = ("--scope", "encoded", "--workspace", "mine")
    with api.client(api.new_key("svc", *arguments)) as client:
        yield client


def post(client: httpx.Client, *lines: bytes, **headers: str) -> httpx.Response:
    return client.post("/v1/events/encoded", content=b"\n".join(lines), headers=headers)


def test_lines_reach_kafka_byte_for_byte(
    sdk: Encoding, relayed: httpx.Client, broker: DevBroker
) -> None:
    sdk.client.record_metric("mine", METRIC, 0.1, metadata={"name": "Zoë\n"})
    sdk.client.session_start("mine", METRIC, "s-1")
    sdk.client.void("mine", METRIC, "e-1", "mistaken")
    response = post(relayed, *sdk.lines)
    assert (response.status_code, response.json()["events"]) == (200, 3), response.text
    found = {message.value(): message.key() for message in read_messages(broker.bootstrap)}
    assert [found.get(line) for line in sdk.lines] == [b"mine"] * 3


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"workspace_id": "other"}, 403, "workspace.forbidden"),
        ({"service_name": "other"}, 403, "origin.forbidden"),
        ({"metric_type": "none"}, 422, "event.invalid"),
        ({"status": "none"}, 422, "event.invalid"),
        ({"status": "error", "is_billable": 1}, 422, "event.invalid"),
        ({"status": "void", "is_billable": 1}, 422, "event.invalid"),
        ({"quantity": -1}, 422, "event.invalid"),
        ({"seq": 0}, 422, "event.invalid"),
        ({"ts": "now"}, 422, "event.invalid"),
    ],
)
def test_a_line_that_is_not_the_keys_or_the_catalogs_is_refused(
    change: dict[str, Any], status: int, code: str, sdk: Encoding, relayed: httpx.Client
) -> None:
    sdk.client.record_metric("mine", METRIC, 1)
    [line] = sdk.lines
    bad = json.dumps({**json.loads(line), **change}).encode()
    found = error(post(relayed, line, bad), status)
    assert (found["code"], found["index"]) == (code, 1)


def test_other_bodies_are_refused(sdk: Encoding, relayed: httpx.Client, api: ApiServer) -> None:
    sdk.client.record_metric("mine", METRIC, 1)
    [line] = sdk.lines
    assert error(post(relayed), 422)["index"] == 0
    assert error(post(relayed, line, b"", line), 422)["index"] == 1
    assert error(post(relayed, *[line] * 501), 400)["code"] == "body.invalid"
    headers = {"content-type": "application/json"}
    assert relayed.post("/v1/events/encoded", content=line, headers=headers).status_code == 415
    with api.client(api.new_key("svc")) as writer:
        assert error(post(writer, line), 403)["code"] == "scope.missing"


def test_without_kafka_the_client_is_asked_to_send_again(sdk: Encoding, tmp_path: Path) -> None:
    sdk.client.record_metric("mine", METRIC, 1)
    nowhere = f"127.0.0.1:{free_port()}"
    with ApiServer(tmp_path, nowhere, "--relay-seconds", "0.5") as api:
        with api.client(api.new_key("svc", "--scope", "encoded")) as client:
            response = post(client, *sdk.lines)
            assert error(response, 503)["code"] == "kafka.unavailable"
            assert response.headers["retry-after"] == "30"
        api.kill()


def test_kafka_refuses_a_batch_as_a_whole_but_only_the_guilty_line_is_final(
    sdk: Encoding, tmp_path: Path
) -> None:
    for quantity in (1, 2, 3):
        sdk.client.record_metric("mine", METRIC, quantity)
    with DevBroker() as own_broker, ApiServer(tmp_path, own_broker.bootstrap) as api:
        with api.client(api.new_key("svc", "--scope", "encoded")) as client:
            own_broker.fail("MESSAGE_TOO_LARGE", times=1)
            response = post(client, *sdk.lines)
            assert (response.status_code, response.json()["events"]) == (200, 3), response.text
            found = [message.value() or b"" for message in read_messages(own_broker.bootstrap)]
            assert sorted(found) == sorted(sdk.lines)
            own_broker.fail("MESSAGE_TOO_LARGE")
            refused = error(post(client, *sdk.lines), 422)
            assert (refused["code"], refused["index"]) == ("event.invalid", 0)
        api.kill()

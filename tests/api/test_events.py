"""`POST /v1/events`: what is taken, as which event, and what is answered to what is not."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from eka_usage import UsageEvent

from tests.api.server import ApiServer
from tests.broker import DevBroker
from tests.e2e.reader import read_events
from tests.waiting import eventually

CALL = {
    "workspace_id": "mine",
    "product": "ekascribe",
    "metric_type": "transcription_minute",
    "quantity": 1.5,
}
TYPED = {"workspace_id": "mine", "event_type": "ekascribe.transcription_minute", "quantity": 2}


def stored(broker: DevBroker, *ids: str) -> list[UsageEvent]:
    """Returns the events with these ids, once Kafka has all of them."""
    found: dict[str, UsageEvent] = {}

    def all_are_there() -> bool:
        found.update({event.event_id: event for event in read_events(broker.bootstrap)})
        return set(ids) <= found.keys()

    eventually(all_are_there)
    return [found[each] for each in ids]


def error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.json()["request_id"] == response.headers["x-request-id"]
    found: dict[str, Any] = response.json()["error"]
    return found


def test_one_event_reaches_kafka_as_the_service_of_the_key(
    any_workspace: httpx.Client, broker: DevBroker
) -> None:
    call = {
        **CALL,
        "quantity": 0.1,
        "metadata": {"camelCase": 1, "share": 0.30},
        "occurred_at": "2026-11-27T10:00:00Z",
        "model": "m-1",
    }
    content = json.dumps(call).replace("2026-11-27", _yesterday())
    response = any_workspace.post("/v1/events", content=content)
    assert response.status_code == 202, response.text
    [event] = stored(broker, response.json()["id"])
    assert (event.service_name, event.workspace_id, event.model) == ("svc", "mine", "m-1")
    assert str(event.quantity) == "0.1"
    assert json.loads(event.metadata) == {"camelCase": 1, "share": 0.3}


def test_numbers_are_exact_in_each_notation(any_workspace: httpx.Client, broker: DevBroker) -> None:
    notations = {
        "1.50": "1.5",
        "2.0": "2",
        "1e2": "100",
        "12.5E-1": "1.25",
        "123456789.123456789": "123456789.123456789",
        "0.30000000000000004": "0.30000000000000004",
        "1000000000.000000001": "1000000000.000000001",
    }
    body = ",".join(json.dumps(CALL).replace("1.5", each) for each in notations)
    response = any_workspace.post("/v1/events", content=f"[{body}]")
    assert response.status_code == 202, response.text
    events = stored(broker, *response.json()["ids"])
    assert [str(event.quantity) for event in events] == list(notations.values())


def test_many_events_are_taken_in_their_order(
    any_workspace: httpx.Client, broker: DevBroker
) -> None:
    calls = [{**CALL, "quantity": number} for number in range(1, 501)]
    for body in (calls, {"events": calls}):
        response = any_workspace.post("/v1/events", json=body)
        assert response.status_code == 202, response.text
        ids = response.json()["ids"]
        assert [event.quantity for event in stored(broker, *ids)] == list(range(1, 501))
        assert "id" not in response.json()


def test_names_may_be_an_event_type_and_camel_case(
    any_workspace: httpx.Client, broker: DevBroker
) -> None:
    typed = {
        "workspaceId": "mine",
        "eventType": "ekascribe.transcription_minute",
        "origin": "svc",
        "id": "camel-1",
        "unitCost": 0.25,
        "payload": {"childEventIds": ["a", "b"]},
    }
    response = any_workspace.post("/v1/events", json=typed)
    assert response.json()["id"] == "camel-1", response.text
    [event] = stored(broker, "camel-1")
    assert (event.product, event.metric_type) == ("ekascribe", "transcription_minute")
    assert event.child_event_ids == ["a", "b"]
    assert str(event.unit_cost) == "0.25"


def test_an_id_makes_a_request_repeatable(any_workspace: httpx.Client) -> None:
    headers = {"idempotency-key": "k-1"}
    first, again = (any_workspace.post("/v1/events", json=CALL, headers=headers) for _ in "ab")
    assert first.json()["id"] == again.json()["id"] == "k-1"
    batch = any_workspace.post("/v1/events", json=[CALL, {**CALL, "id": "own"}], headers=headers)
    assert batch.json()["ids"] == ['["k-1", "0"]', "own"]


def test_one_invalid_event_rejects_all_and_each_is_named(any_workspace: httpx.Client) -> None:
    calls = [CALL, {**CALL, "quantity": -1}, {**CALL, "quantty": 1}, {**CALL, "product": "none"}]
    found = error(any_workspace.post("/v1/events", json=calls), 422)
    codes = {detail["index"]: detail["code"] for detail in found["details"]}
    assert codes == {1: "quantity.invalid", 2: "options.invalid", 3: "product.unknown"}
    assert (found["code"], found["index"]) == (found["details"][0]["code"], 2)
    [typo] = [detail for detail in found["details"] if detail["index"] == 2]
    assert "did you mean 'quantity'?" in typo["message"]


def test_partial_takes_the_valid_ones(any_workspace: httpx.Client, broker: DevBroker) -> None:
    calls = [{**CALL, "id": "part-0"}, {**CALL, "quantity": -1}, {**CALL, "id": "part-2"}]
    response = any_workspace.post("/v1/events?partial=true", json=calls)
    assert response.status_code == 202
    assert response.json()["ids"] == ["part-0", "part-2"]
    [rejected] = response.json()["rejected"]
    assert (rejected["index"], rejected["code"]) == (1, "quantity.invalid")
    assert len(stored(broker, "part-0", "part-2")) == 2
    error(any_workspace.post("/v1/events?partial=true", json=[calls[1]]), 422)
    assert error(any_workspace.post("/v1/events?partial=1", json=calls), 422)["code"] == (
        "options.invalid"
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({**CALL, "workspace_id": None}, "workspace_id.invalid"),
        ({**TYPED, "event_type": "ekascribe"}, "metric_type.unknown"),
        ({**TYPED, "event_type": 7}, "metric_type.unknown"),
        ({**TYPED, "product": "mr_ai"}, "options.invalid"),
        ({**TYPED, "eventType": "ekascribe.transcription_minute"}, "options.invalid"),
        ({**CALL, "quantity": "1"}, "quantity.invalid"),
        ({**CALL, "quantity": True}, "quantity.invalid"),
        ({**CALL, "status": "void"}, "status.unknown"),
        ({**CALL, "boundary": "start"}, "options.invalid"),
        ({**CALL, "metadata": "x"}, "metadata.invalid"),
        ({**CALL, "payload": {"input_amount": 3}}, "options.invalid"),
        ({**CALL, "id": " "}, "event_id.invalid"),
        ({**CALL, "occurred_at": "2026-01-01T00:00:00Z"}, "occurred_at.invalid"),
        ([CALL] * 501, "batch.invalid"),
        ([], "batch.invalid"),
        ([{**CALL, "metadata": {"text": "x" * 30_000}}] * 20, "batch.invalid"),
        (7, "options.invalid"),
    ],
)
def test_what_the_sdk_refuses_is_refused_with_its_code(
    call: Any, code: str, any_workspace: httpx.Client
) -> None:
    assert error(any_workspace.post("/v1/events", json=call), 422)["code"] == code


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"", "it is empty"),
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b'{"quantity": NaN}', "NaN is not a number of JSON"),
        (b'{"quantity": 1, "quantity": 2}', "'quantity' appears twice"),
        (b'{"metadata": {"a": {"b": 1, "b": 2}}}', "'b' appears twice"),
        (b"[" * 15_000, "nested too deeply"),
        (b'{"quantity": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[{}", "not JSON"),
        (b"[{},]", "not JSON"),
        (b"[{} {}]", "a comma"),
        (b"[{}] []", "after the array"),
        (b'{"events": [{}], "more": 1}', "after the array"),
        (b'[{"a": 1, "a": 2}]', "'a' appears twice"),
        (b"[" + b" " * 200_000 + b'{"a": "b"}, oops]' + b" " * 200_000, "at character 200013"),
    ],
)
def test_a_body_that_is_not_json_is_refused(
    body: bytes, hint: str, any_workspace: httpx.Client
) -> None:
    found = error(any_workspace.post("/v1/events", content=body), 400)
    assert found["code"] == "body.invalid"
    assert hint in found["message"]


def test_numbers_of_any_size_cost_nothing(any_workspace: httpx.Client) -> None:
    body = json.dumps({**CALL, "quantity": 0}).replace("0}", "1e999999999}")
    assert error(any_workspace.post("/v1/events", content=body), 422)["code"] == "quantity.invalid"


def test_a_body_may_be_compressed(any_workspace: httpx.Client) -> None:
    def post(body: bytes, encoding: str = "gzip") -> httpx.Response:
        headers = {"content-encoding": encoding, "content-type": "application/json; charset=utf-8"}
        return any_workspace.post("/v1/events", content=body, headers=headers)

    packed = gzip.compress(json.dumps(CALL).encode())
    assert post(packed).status_code == 202
    bomb = gzip.compress(b" " * 50_000_000)
    assert error(post(bomb), 413)["code"] == "body.too_large"
    for damaged in (packed[:-4], packed + b"x", b"no gzip"):
        assert error(post(damaged), 400)["code"] == "body.invalid"
    assert error(post(packed, "br"), 415)["code"] == "media_type.unsupported"


def test_a_body_is_bounded_and_has_a_known_type(any_workspace: httpx.Client) -> None:
    assert error(any_workspace.post("/v1/events", content=b" " * 2_000_000), 413)
    chunks = (b" " * 65_536 for _ in range(40))  # without a content-length
    assert error(any_workspace.post("/v1/events", content=chunks), 413)
    form = any_workspace.post("/v1/events", data={"quantity": "1"})
    assert error(form, 415)["code"] == "media_type.unsupported"


def test_unknown_paths_and_methods_are_answered_in_json(any_workspace: httpx.Client) -> None:
    assert error(any_workspace.get("/v2"), 404)["code"] == "path.unknown"
    found = any_workspace.delete("/v1/events")
    assert error(found, 405)["code"] == "method.unsupported"
    assert found.headers["allow"] == "GET, HEAD, POST"


def test_the_server_says_how_it_is(any_workspace: httpx.Client) -> None:
    assert any_workspace.get("/healthz").json()["status"] == "ok"
    assert any_workspace.get("/readyz").json()["status"] == "ready"
    given = any_workspace.get("/healthz", headers={"x-request-id": "r-1"})
    assert given.json()["request_id"] == "r-1"


def _yesterday() -> str:
    from datetime import UTC, datetime, timedelta

    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


def test_the_examples_of_the_page_are_taken(api: ApiServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
    examples = re.findall(r"```json(-cloudevent)?\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    with api.client(api.new_key("svc", "--workspace", "workspace-1")) as client:
        for is_cloudevent, example in examples:
            kind = "application/cloudevents+json" if is_cloudevent else "application/json"
            headers = {"content-type": kind}
            response = client.post("/v1/events", content=example, headers=headers)
            assert response.status_code == 202, response.text

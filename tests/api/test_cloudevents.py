"""CloudEvents 1.0: structured, batched and in binary mode, on both paths."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.test_events import error, stored
from tests.broker import DevBroker

EVENT = {
    "specversion": "1.0",
    "type": "ekascribe.transcription_minute",
    "source": "meter",
    "subject": "mine",
}
ONE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}


def test_the_amount_is_in_the_data_and_the_rest_is_metadata(
    any_workspace: httpx.Client, broker: DevBroker
) -> None:
    data = {"value": "1.25", "model": "m-1", "region": "ap-south-1"}
    content = json.dumps({**EVENT, "id": "1", "data": data})
    for _ in range(2):  # the same event again is the same event
        response = any_workspace.post("/api/v1/events", content=content, headers=ONE)
        assert (response.status_code, response.content) == (204, b"")
    [event] = stored(broker, '["meter", "1"]')
    assert (event.workspace_id, str(event.quantity), event.model) == ("mine", "1.25", "m-1")
    assert json.loads(event.metadata) == {"region": "ap-south-1"}


def test_a_batch_is_taken_or_refused_as_one(any_workspace: httpx.Client, broker: DevBroker) -> None:
    events = [{**EVENT, "id": f"b-{n}", "data": {"quantity": n}} for n in (1, 2)]
    response = any_workspace.post("/v1/events", content=json.dumps(events), headers=BATCH)
    assert response.status_code == 202, response.text
    assert [event.quantity for event in stored(broker, *response.json()["ids"])] == [1, 2]
    events[1]["type"] = "none"
    refused = any_workspace.post("/api/v1/events", content=json.dumps(events), headers=BATCH)
    found = error(refused, 422)
    assert (found["code"], found["index"]) == ("metric_type.unknown", 1)


def test_attributes_may_be_headers(any_workspace: httpx.Client, broker: DevBroker) -> None:
    headers = {f"ce-{name}": value for name, value in {**EVENT, "id": "h-1"}.items()}
    response = any_workspace.post("/v1/events", json={"value": 3}, headers=headers)
    assert response.status_code == 202, response.text
    [event] = stored(broker, response.json()["id"])
    assert event.quantity == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"specversion": "0.3"}, "options.invalid"),
        ({"source": ""}, "options.invalid"),
        ({"type": "unknown"}, "metric_type.unknown"),
        ({"subject": None}, "workspace_id.invalid"),
        ({"data": [1]}, "options.invalid"),
        ({"data": {"tokens": 5}}, "options.invalid"),
        ({"data": {"value": 5, "quantity": 5}}, "options.invalid"),
        ({"data": {"value": "five"}}, "quantity.invalid"),
        ({"data": {"value": "-5"}}, "quantity.invalid"),
        ({"data": {"value": "NaN"}}, "quantity.invalid"),
        ({"time": "yesterday", "data": {"value": 5}}, "occurred_at.invalid"),
    ],
)
def test_what_is_missing_or_ambiguous_is_refused(
    change: dict[str, Any], code: str, any_workspace: httpx.Client
) -> None:
    content = json.dumps({**EVENT, "id": "x", "data": {"value": 1}, **change})
    response = any_workspace.post("/api/v1/events", content=content, headers=ONE)
    assert error(response, 422)["code"] == code

"""Kafka's REST Proxy and the look-up of accounts: what is accepted in whose name."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from infra.api.errors import AnswerError
from infra.api.keys.capability import Capabilities
from infra.api.keys.keyring import Keyring
from tests.api.server import ApiServer, run
from tests.api.test_events import error
from tests.broker import DevBroker
from tests.e2e.reader import ends, read_events
from tests.waiting import eventually

LOOK_UP = "/metering/v1alpha1/customer-accounts/tenant/mine"
METER = {"meter_id": "ekascribe.transcription_minute", "total_usage": 24, "metadata": {}}


@pytest.fixture
def account(one_workspace: httpx.Client) -> str:
    """The id of the account of the workspace `mine`."""
    found: str = one_workspace.get(LOOK_UP, headers={"x-tenant-id": "mine"}).json()["id"]
    return found


def produce(api: ApiServer, *values: Any, topic: str = "usage-events") -> httpx.Response:
    """Writes records without a key, as the client does."""
    headers = {"content-type": "application/vnd.kafka.json.v2+json"}
    content = json.dumps({"records": [{"value": value} for value in values]})
    url = f"{api.address}/topics/{topic}"
    return httpx.post(url, content=content, headers=headers, timeout=30)


def test_a_record_is_usage_of_the_account(api: ApiServer, account: str, broker: DevBroker) -> None:
    since = ends(broker.bootstrap)
    response = produce(
        api,
        {**METER, "customer_id": account},
        {**METER, "customer_id": account, "total_usage": "1.5"},
    )
    assert response.status_code == 200, response.text
    assert len(response.json()["offsets"]) == 2
    eventually(lambda: len(read_events(broker.bootstrap, since)) >= 2)
    events = read_events(broker.bootstrap, since)
    assert {(event.workspace_id, event.service_name) for event in events} == {("mine", "svc")}


def test_starts_and_ends_are_boundaries_of_a_session(
    api: ApiServer, account: str, broker: DevBroker
) -> None:
    ended = 1_000 * (_now() - 60)
    times = {"start_time": ended - 30_000}, {"end_time": ended}
    value = {"ai_event": True, "meter_id": METER["meter_id"], "customer_id": account}
    # Neither is taken where one is invalid: the client does not send them again.
    half = {**value, **times[0], "end_time": "soon", "metadata": {"session_id": "meter-s"}}
    assert produce(api, half).status_code == 422
    for each in times:
        response = produce(api, {**value, **each, "metadata": {"session_id": "meter-s"}})
        assert response.status_code == 200, response.text
    assert produce(api, {**value, **times[0]}).status_code == 200

    def found() -> list[Any]:
        events = read_events(broker.bootstrap)
        return [e for e in events if e.boundary and e.session_id == "meter-s"]

    eventually(lambda: len(found()) == 2)
    assert [event.boundary for event in found()] == ["start", "end"]


def test_an_account_is_known_to_its_key_alone(api: ApiServer, one_workspace: httpx.Client) -> None:
    other = LOOK_UP.replace("mine", "other")
    assert error(one_workspace.get(other), 404)["code"] == "path.unknown"
    assert one_workspace.get(LOOK_UP, headers={"x-tenant-id": "other"}).status_code == 404
    with api.client("") as client:
        assert client.get(LOOK_UP).status_code == 401
    joined = f"{one_workspace.base_url}/{LOOK_UP}"  # with two slashes
    assert one_workspace.get(joined).status_code == 200


def test_nobody_can_make_an_account(api: ApiServer, account: str) -> None:
    key_id, until, workspace, signature = account.split(".")
    other = base64.urlsafe_b64encode(b"other").decode().rstrip("=")
    forged = (
        *(None, "", "mine", 7, account[:-1], f"{account}x", "é.é.é.é"),
        f"{key_id}.{until}.{other}.{signature}",
        f"{key_id}.{int(until) + 1}.{workspace}.{signature}",
        f"0.{until}.{workspace}.{signature}",
        f"{key_id}.{until}.\ud800.{signature}",
        f"{key_id}.{until}.{workspace}.\ud800",
    )
    for customer in forged:
        response = produce(api, {**METER, "customer_id": customer})
        assert (response.status_code, response.json()["error_code"]) == (401, 40101), customer


def test_an_account_ends_after_a_day_and_with_its_key(api: ApiServer) -> None:
    now = [0.0]
    capabilities = Capabilities(Keyring(api.keys), clock=lambda: now[0])
    key = Keyring(api.keys).find(api.new_key("svc"))
    assert key is not None
    account = capabilities.issue(key, "w.ö")
    assert capabilities.open(account) == (key, "w.ö")
    now[0] = 86_401
    with pytest.raises(AnswerError, match="unknown API key"):
        capabilities.open(account)
    now[0] = 0
    run("keys", "revoke", "--keys", str(api.keys), key.id)
    with pytest.raises(AnswerError, match="unknown API key"):
        Capabilities(Keyring(api.keys), clock=lambda: 0).open(account)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"total_usage": -3}, 422),
        ({"total_usage": None}, 422),
        ({"total_usage": "many"}, 422),
        ({"meter_id": "none"}, 422),
        ({"meter_id": None}, 422),
        ({"event_time": 1_000}, 422),
        ({"units": 3}, 422),
        ({"ai_event": True}, 422),
        ({"ai_event": True, "start_time": "soon"}, 422),
        ({"ai_event": True, "meter_id": "mr_ai.mr_record_upload", "start_time": 1}, 422),
    ],
)
def test_a_bad_record_is_an_error_of_the_request(
    change: dict[str, Any], status: int, api: ApiServer, account: str
) -> None:
    good = {**METER, "customer_id": account}
    response = produce(api, good, {**good, **change})
    assert (response.status_code, response.json()["error_code"]) == (status, status * 100 + 1)


def test_other_topics_and_bodies_are_errors(api: ApiServer, account: str) -> None:
    value = {**METER, "customer_id": account}
    assert produce(api, value, topic="other").json()["error_code"] == 40401
    assert produce(api).json()["error_code"] == 40001
    assert produce(api, 7).status_code == 422


def _now() -> int:
    import time

    return int(time.time())

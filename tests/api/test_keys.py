"""API keys: what each may do, and how they are made, listed and revoked."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest

from infra.api.errors import AnswerError, ApiError
from infra.api.keys.access import Access
from infra.api.keys.key import Key
from infra.api.keys.keyring import Keyring, change_keys, read_keys
from tests.api.server import ApiServer, run
from tests.api.test_events import CALL, error
from tests.waiting import eventually


def test_a_request_needs_a_key_that_is_known(api: ApiServer) -> None:
    with api.client("") as client:
        response = client.post("/v1/events", json=CALL)
        assert error(response, 401)["code"] == "key.missing"
        assert response.headers["www-authenticate"] == "Bearer"
        for scheme in ("Basic eA==", "bearer", "Bearer x"):
            refused = client.post("/v1/events", json=CALL, headers={"authorization": scheme})
            assert error(refused, 401)["code"].startswith("key.")


def test_a_key_is_for_its_workspaces_service_and_scopes(
    api: ApiServer, one_workspace: httpx.Client
) -> None:
    assert one_workspace.post("/v1/events", json=CALL).status_code == 202
    other = {**CALL, "workspace_id": "other"}
    found = error(one_workspace.post("/v1/events", json=[CALL, other]), 403)
    assert (found["code"], found["index"]) == ("workspace.forbidden", 1)
    elsewhere = {**CALL, "service_name": "billing"}
    assert error(one_workspace.post("/v1/events", json=elsewhere), 403)["code"] == (
        "origin.forbidden"
    )
    with api.client(api.new_key("svc", "--scope", "read")) as reader:
        assert error(reader.post("/v1/events", json=CALL), 403)["code"] == "scope.missing"


def test_a_revoked_key_is_refused_and_the_log_has_no_key(api: ApiServer) -> None:
    token = api.new_key("svc")
    with api.client(token) as client:
        assert client.post("/v1/events", json=CALL).status_code == 202
        key_id = read_keys(api.keys)[-1].id
        run("keys", "revoke", "--keys", str(api.keys), key_id)
        eventually(lambda: client.post("/v1/events", json=CALL).status_code == 401)
        assert client.post("/v1/events", json={}).status_code == 401
    assert "key.unknown" in api.log
    assert token not in api.log


def test_the_file_has_no_key_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    arguments = ("--keys", str(path))
    token = run("keys", "new", *arguments, "--service", "svc", "--workspace", "w")
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    [key] = read_keys(path)
    listed = run("keys", "list", *arguments)
    assert key.id in listed
    assert token not in listed
    with pytest.raises(RuntimeError, match="no key has the id 'x'"):
        run("keys", "revoke", *arguments, "x")


def test_two_writers_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    def add(name: str) -> None:
        for number in range(20):
            key = _key(f"{name}{number}")
            change_keys(path, lambda keys, key=key: [*keys, key])  # type: ignore[misc]

    threads = [threading.Thread(target=add, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.id for key in read_keys(path)}) == 40


def test_a_damaged_file_stops_no_server_that_has_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, lambda _: [_key("a", digest_of_x())])
    now = [0.0]
    keyring = Keyring(path, clock=lambda: now[0])
    path.write_text("{")
    now[0] += 60
    assert keyring.find("x") is not None
    path.unlink()
    now[0] += 60
    assert keyring.find("x") is not None
    for text in ("{", "[]", json.dumps({"keys": [{"id": "a"}]})):
        path.write_text(text)
        with pytest.raises(ApiError, match="is not a file of API keys"):
            Keyring(path)


def test_a_key_may_send_so_many_events_a_second(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    change_keys(path, lambda _: [_key("a"), _key("b")])
    first, second = read_keys(path)
    now = [0.0]
    access = Access(Keyring(path), events_per_second=100, clock=lambda: now[0])
    access.spend(first, 500)
    with pytest.raises(AnswerError, match="at most 100 events a second; retry in 4 s") as caught:
        access.spend(first, 1)
    assert caught.value.headers == {"retry-after": "4"}
    access.spend(second, 1)
    now[0] += 4
    access.spend(first, 1)


def _key(name: str, digest: str = "") -> Key:
    return Key(name, digest or name, "svc", ("write",), None, "2026-01-01T00:00:00Z")


def digest_of_x() -> str:
    from infra.api.keys.key import digest_of

    return digest_of("x")

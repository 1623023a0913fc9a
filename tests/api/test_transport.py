"""The SDKs over HTTP, through the real API to Kafka."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api.server import ApiServer
from tests.broker import DevBroker
from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL
from tests.e2e.reader import read_events
from tests.ports import free_port
from tests.waiting import eventually

SERVICE = "driver"  # of the drivers' clients


@pytest.fixture(scope="session")
def key(api: ApiServer) -> str:
    """A key for encoded events."""
    return api.new_key(SERVICE, "--scope", "encoded")


@pytest.fixture(params=sorted(COMMANDS))
def language(request: pytest.FixtureRequest) -> str:
    """Each SDK in turn."""
    return str(request.param)


def arrived(broker: DevBroker) -> set[str]:
    """Returns the ids of all events, of which the store counts each once."""
    return {event.event_id for event in read_events(broker.bootstrap)}


def test_events_reach_kafka(api: ApiServer, key: str, broker: DevBroker, language: str) -> None:
    with Driver(language) as driver:
        settings = {"transport": "http", "http_url": api.address, "http_token": key}
        driver.request("new", settings={**settings, "spool": "off"})
        accepted = driver.request("record", call=CALL, times=700)["accepted"]
        many = driver.request("record_many", calls=[CALL] * 5)["accepted"]
        assert driver.request("flush", timeout=60_000)["queued"] == 0, driver.errors
        stats = driver.request("stats")
        assert (stats["delivered"], stats["failed"]) == (705, 0)
        driver.request("shutdown")
        driver.end()
    assert {*accepted, *many} <= arrived(broker)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with a store, which its own sink fills."""
    folder = tmp_path_factory.mktemp("reading")
    with DevBroker(data_dir=folder / "kafka") as broker:
        # Clients find it again at its address when it was killed.
        arguments = ("--dsn", f"chdb://{folder}/store", "--listen", f"127.0.0.1:{free_port()}")
        with ApiServer(folder, broker.bootstrap, *arguments) as running:
            yield running


def test_the_client_of_the_api_sends_and_asks(reading: ApiServer, language: str) -> None:
    api = reading
    token = api.new_key("billing", "--scope", "write", "--scope", "read")
    named = {**CALL, "quantity": 0.1, "event_id": f"asked-{language}"}
    with Driver(language) as driver:

        def call(method: str, given: Any) -> dict[str, Any]:
            client = {"base_url": api.address, "origin": "billing", "timeout_ms": 30_000}
            return driver.request(
                "usage_client", client=client, method=method, token=token, given=given
            )

        assert call("emit", named)["result"] == named["event_id"]
        invalid = {**named, "quantity": -1}
        thrown = call("emit_many", [named, invalid])["thrown"]
        assert (thrown["status"], thrown["code"]) == (422, "quantity.invalid")
        assert [detail["index"] for detail in thrown["details"]] == [1]
        asked = {"id": named["event_id"], "event_type": ["api.api_call"], "limit": 2}
        eventually(lambda: (call("list_events", asked)["result"] or {}).get("data"))
        [row] = call("list_events", asked)["result"]["data"]
        assert (row["service_name"], row["quantity"]) == ("billing", "0.1")
        used = call("usage", {"event_type": ["api.api_call"], "group_by": ["service_name"]})
        assert "complete_until" in str(used["result"])
        thrown = call("usage", {"month": "2026"})["thrown"]
        assert (thrown["status"], thrown["code"]) == (422, "parameter.invalid")


def test_what_was_recorded_while_the_api_was_killed_is_invoiced_once(
    reading: ApiServer, tmp_path: Path
) -> None:
    api = reading
    key = api.new_key(SERVICE, "--scope", "encoded", "--scope", "read")
    settings = {"transport": "http", "http_url": api.address, "http_token": key}
    durable = {**settings, "spool": "durable", "kafka_retry_delay_ms": 50}
    with ExitStack() as stack:
        drivers = {name: stack.enter_context(Driver(name)) for name in COMMANDS}
        calls = {name: {**CALL, "workspace_id": f"killed-{name}"} for name in drivers}
        for name, driver in drivers.items():
            driver.request("new", settings={**durable, "spool_dir": str(tmp_path / name)})
        for name, driver in drivers.items():
            driver.send("record", call=calls[name], times=2_000)
        for driver in drivers.values():
            driver.response()
        api.kill()
        try:
            for name, driver in drivers.items():
                driver.request("record", call=calls[name], times=500)
        finally:
            api.start()
        for driver in drivers.values():
            assert driver.request("flush", timeout=50_000)["queued"] == 0, driver.errors
            assert driver.request("stats")["delivered"] == 2_500
            driver.request("shutdown")
            driver.end()
            assert driver.errors == []

    def quantities() -> list[list[str]]:
        with api.client(key) as client:
            answers = [client.get(f"/v1/workspaces/killed-{name}/invoice") for name in drivers]
        return [[row["quantity"] for row in each.json().get("data", [])] for each in answers]

    # A sink that was killed is a member of its group until Kafka gives up on it.
    eventually(lambda: quantities() == [["2500"]] * 3, lambda: str(quantities()), seconds=180)


def test_a_workspace_that_the_key_lacks_waits_on_disk(
    api: ApiServer, broker: DevBroker, language: str, tmp_path: Path
) -> None:
    other = api.new_key(SERVICE, "--scope", "encoded", "--workspace", "another")
    settings = {"transport": "http", "http_url": api.address, "spool_dir": str(tmp_path)}
    with Driver(language) as driver:
        driver.request("new", settings={**settings, "http_token": other, "spool": "durable"})
        accepted = driver.request("record", call=CALL, times=2)["accepted"]
        assert driver.request("shutdown", timeout=500)["undelivered"] == 0
        assert driver.request("stats")["spooled"] == 2
        assert driver.codes() == []
    assert not {*accepted} & arrived(broker)


def test_what_a_killed_process_recorded_is_sent_by_the_next(
    api: ApiServer, key: str, broker: DevBroker, language: str, tmp_path: Path
) -> None:
    settings = {"transport": "http", "http_url": api.address, "http_token": key}
    durable = {**settings, "spool": "durable", "spool_dir": str(tmp_path)}
    with Driver(language) as driver:
        driver.request("new", settings=durable)
        accepted = driver.request("record", call=CALL, times=300)["accepted"]
        driver.signal(signal.SIGKILL)
    with Driver(language) as driver:
        driver.request("new", settings=durable)
        eventually(lambda: {*accepted} <= arrived(broker))
        driver.request("shutdown")
        driver.end()

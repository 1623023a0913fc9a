"""The transport to the HTTP API, the same in every SDK, against a server with faults."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.drivers import COMMANDS, Driver, Fault
from tests.conformance.test_scenarios import CALL
from tests.http_server import HANG, RESET, TAKEN, FaultServer, Reply, error
from tests.waiting import eventually

FORMER, LATTER = "eka_former.0123456789", "eka_latter.9876543210"
# A fault that passes, and the event is delivered in the end.
PASSING = {
    "no connection": RESET,
    "an answer cut short": Reply(200, {"events": 1, "request_id": "r" * 64}, part=0.5),
    "an answer of another server": Reply(200, b"<html>Log in to this network</html>"),
    "a redirect": Reply(302, {}, {"Location": "http://127.0.0.1:1/"}),
    "forbidden": error(403, "scope.missing"),
    "no such path": error(404, "path.unknown"),
    "too slow": error(408, "body.timeout"),
    "too much": error(429, "rate.exceeded"),
    "a fault": error(500, "server.failed"),
    "away": error(503, "kafka.unavailable", headers={"Retry-After": "0"}),
    "a proxy": Reply(502, b"Bad Gateway"),
}


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def language(request: pytest.FixtureRequest) -> str:
    """Each SDK in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def running(language: str) -> Iterator[Driver]:
    """The driver of that SDK: one process for all tests, each of which has a client of its own."""
    with Driver(language) as shared:
        yield shared


@pytest.fixture
def driver(running: Driver) -> Iterator[Driver]:
    """The driver, before it has a client of this test; that one is shut down after the test."""
    running.errors.clear()
    yield running
    with suppress(Fault):  # there was no client
        running.request("shutdown", timeout=0)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that takes events with the key."""
    with FaultServer(key=FORMER) as running:
        yield running


def new(driver: Driver, server: FaultServer, **settings: Any) -> None:
    """Makes a client of the server, without a spool by default."""
    http = {"transport": "http", "http_url": server.url, "http_token": FORMER}
    fast = {"kafka_retry_delay_ms": 10, "spool": "off"}
    given = {**http, **fast, **settings}
    present = {name: value for name, value in given.items() if value is not None}
    driver.request("new", settings=present)


def record(driver: Driver, times: int = 1) -> list[str]:
    """Records, and returns the ids."""
    return list(driver.request("record", call=CALL, times=times)["accepted"])


def flush(driver: Driver) -> dict[str, Any]:
    """Waits until nothing is queued, and returns the counters."""
    assert driver.request("flush", timeout=30_000)["queued"] == 0, driver.errors
    return driver.request("stats")


def test_events_arrive_in_order_over_one_connection(driver: Driver, server: FaultServer) -> None:
    new(driver, server, http_url=f"{server.url}/prefix/")
    accepted = record(driver, 1200)
    stats = flush(driver)
    assert (stats["accepted"], stats["delivered"], stats["failed"]) == (1200, 1200, 0)
    assert server.taken == accepted
    assert {request.connection for request in server.requests} == {1}
    for request in server.requests:
        assert (request.method, request.target) == ("POST", "/prefix/v1/events/encoded")
        assert request.headers["content-type"] == "application/x-ndjson"
        assert len(request.ids()) <= 500
    record(driver)
    assert driver.request("shutdown")["undelivered"] == 0
    assert len(server.taken) == 1201


@pytest.mark.parametrize("fault", PASSING)
def test_what_can_pass_is_sent_again(driver: Driver, server: FaultServer, fault: str) -> None:
    server.replies.extend([PASSING[fault]] * 2)
    new(driver, server)
    accepted = record(driver, 3)
    stats = flush(driver)
    assert (stats["delivered"], stats["failed"]) == (3, 0)
    assert server.taken == accepted
    assert driver.codes() == []


@pytest.mark.parametrize("spool", ["off", "spill", "durable"])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_refused_line_alone_fails(
    driver: Driver, server: FaultServer, status: int, spool: str, tmp_path: Path
) -> None:
    new(driver, server, spool=spool, spool_dir=str(tmp_path), kafka_linger_ms=60_000)
    server.replies.append(error(status, "event.invalid", index=2))
    accepted = record(driver, 5)
    stats = flush(driver)
    assert (stats["delivered"], stats["failed"]) == (4, 1)
    assert stats["dead_lettered"] == (0 if spool == "off" else 1)
    assert server.taken == accepted[:2] + accepted[3:]
    assert [(each["code"], each["event_id"]) for each in driver.errors] == [
        ("delivery.failed", accepted[2])
    ]


def test_a_refusal_without_a_place_finds_the_guilty_line(
    driver: Driver, server: FaultServer
) -> None:
    new(driver, server, kafka_linger_ms=60_000)
    # Of eight: all, the first four, the first two, the next two, the first of these.
    too_large, invalid = error(413, "body.too_large"), error(422, "event.invalid")
    server.replies.extend([too_large, too_large, TAKEN, invalid, invalid])
    accepted = record(driver, 8)
    stats = flush(driver)
    assert (stats["delivered"], stats["failed"]) == (7, 1)
    assert server.taken == accepted[:2] + accepted[3:]


def test_retry_after_is_respected(driver: Driver, server: FaultServer) -> None:
    server.replies.append(error(429, "server.overloaded", headers={"Retry-After": "3600"}))
    new(driver, server)
    record(driver)
    eventually(lambda: len(server.requests) == 1)
    # By its own pauses it would have tried dozens of times.
    assert driver.request("flush", timeout=1000)["queued"] == 1
    assert len(server.requests) == 1
    assert driver.request("shutdown", timeout=0)["undelivered"] == 1
    assert driver.codes() == ["shutdown.timeout"]


@pytest.mark.parametrize("language", ["python"], scope="module")
def test_a_forked_child_has_a_connection_of_its_own(driver: Driver, server: FaultServer) -> None:
    new(driver, server)
    accepted = record(driver, 3)
    flush(driver)
    forked = driver.request("fork", call=CALL, times=3)["accepted"]
    accepted += [*forked, *record(driver, 3)]
    flush(driver)
    eventually(lambda: len(server.taken) == 9)
    assert Counter(server.taken) == Counter(accepted)
    by_connection = {request.connection: request.ids() for request in server.requests}
    assert len(by_connection) == 2


def test_a_server_that_hangs_delays_nobody(driver: Driver, server: FaultServer) -> None:
    server.usual = HANG
    new(driver, server, delivery_timeout_ms=1000)
    assert len(record(driver, 10)) == 10
    assert driver.request("record", call=CALL, times=100)["slowest"] < 250
    stats = flush(driver)
    assert stats["failed"] == 110
    assert set(driver.codes()) == {"delivery.failed"}


def test_a_key_that_is_rotated_in_its_file_needs_no_restart(
    driver: Driver, server: FaultServer, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{FORMER}\n")
    new(driver, server, http_token=None, http_token_file=str(file))
    record(driver)
    flush(driver)
    server.key = LATTER
    record(driver)
    eventually(lambda: len(server.requests) > 2)
    assert len(server.taken) == 1
    file.write_text(LATTER)
    flush(driver)
    assert len(server.taken) == 2
    assert server.requests[-1].headers["authorization"] == f"Bearer {LATTER}"


def test_a_refused_key_leaves_events_on_disk_for_the_next_process(
    language: str, server: FaultServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.key = LATTER
    durable = {"spool": "durable", "spool_dir": str(tmp_path)}
    with Driver(language) as driver:  # after its standard error is captured
        new(driver, server, **durable)
        accepted = record(driver, 5)
        eventually(lambda: len(server.requests) > 1)
        assert driver.request("shutdown", timeout=100)["undelivered"] == 0
        assert server.taken == []
        new(driver, server, **durable, http_token=LATTER)
        eventually(lambda: len(server.taken) >= 5)
        eventually(lambda: driver.request("stats")["replayed"] == 5)
        assert Counter(server.taken) == Counter(accepted)
        driver.request("shutdown")
        driver.end()
    said = "".join(capfd.readouterr())
    assert "401" in said
    assert FORMER not in said
    assert LATTER not in said
    assert FORMER not in json.dumps(driver.errors)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"http_url": None}, "http url not configured"),
    ({"http_url": "usage.example.com"}, "expected an address http"),
    ({"http_url": "ftp://usage.example.com"}, "expected an address http"),
    ({"http_url": f"http://user:{FORMER}@127.0.0.1"}, "expected an address http"),
    ({"http_url": "http://127.0.0.1/?a=b"}, "expected an address http"),
    ({"http_token": None}, "http token not configured"),
    ({"http_token": f"{FORMER}\nX: y"}, "a secret: expected an API key"),
    ({"http_token_file": "/nowhere"}, "expected no file, as there is"),
    ({"http_token": None, "http_token_file": "/nowhere"}, "a file that contains the API key"),
    ({"http_ca_location": "/nowhere"}, "pem file of certificates"),
    ({"http_ca_location": __file__}, "pem file of certificates"),
]


def test_settings_are_checked(
    language: str, server: FaultServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with Driver(language) as driver:  # after its standard error is captured
        for settings, hint in REFUSED:
            with pytest.raises(Fault) as caught:
                new(driver, server, **settings)
            assert hint in str(caught.value).lower().replace("api", "API"), settings
            assert FORMER not in str(caught.value)
        new(driver, server, http_url="http://192.0.2.1:9")
        driver.request("shutdown", timeout=0)
        driver.end()
    assert "the API key is sent in the clear" in capfd.readouterr().err

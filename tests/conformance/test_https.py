"""The clients of the HTTP API over TLS, with an authority of one's own, the same in every SDK.

A server that cannot prove who it is may be one that is configured wrongly: that can pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance.drivers import COMMANDS, Driver
from tests.conformance.test_scenarios import CALL
from tests.e2e.certificates import Certificates, write_certificates
from tests.http_server import FaultServer, Reply
from tests.waiting import eventually

KEY = "eka_private.0123456789"
EVENT = {"workspace_id": "ws-1", "event_type": "api.api_call", "event_id": "e-1"}
ANSWER = {"ids": ["e-1"], "id": "e-1", "request_id": "r"}


class Authorities(NamedTuple):
    """Certificates of an authority that clients trust, also for another host, and of another."""

    good: Certificates
    other_host: Path
    other: Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """The certificates of this module."""
    folder = tmp_path_factory.mktemp("certificates")
    good = write_certificates(folder / "good")
    other_host = write_certificates(folder / "host", host="usage.example.com")
    together = folder / "together.pem"
    together.write_bytes(good.ca.read_bytes() + other_host.ca.read_bytes())
    other = write_certificates(folder / "other")
    return Authorities(good._replace(ca=together), other_host.server, other)


@pytest.fixture(scope="module", params=sorted(COMMANDS))
def driver(request: pytest.FixtureRequest, certificates: Authorities) -> Iterator[Driver]:
    """The driver of each SDK in turn; Node's `fetch` trusts the authority by the environment."""
    trusted = str(certificates.good.ca)
    with Driver(str(request.param), NODE_EXTRA_CA_CERTS=trusted) as running:
        yield running


@pytest.fixture
def server(certificates: Authorities) -> Iterator[FaultServer]:
    """A server that proves who it is."""
    with FaultServer(key=KEY, certificate=certificates.good.server) as running:
        yield running


@pytest.fixture(params=["another authority", "another host"])
def false_certificate(request: pytest.FixtureRequest, certificates: Authorities) -> Path:
    """Proves something else."""
    is_host = request.param == "another host"
    return certificates.other_host if is_host else certificates.other.server


def test_events_wait_on_disk_for_a_server_that_proves_who_it_is(
    driver: Driver,
    server: FaultServer,
    certificates: Authorities,
    false_certificate: Path,
    tmp_path: Path,
) -> None:
    settings = {
        "transport": "http",
        "http_url": server.url,
        "http_token": KEY,
        "http_ca_location": str(certificates.good.ca),
        "kafka_retry_delay_ms": 10,
        "spool": "durable",
        "spool_dir": str(tmp_path),
    }
    true_certificate, server.certificate = server.certificate, false_certificate
    driver.request("new", settings=settings)
    accepted = driver.request("record", call=CALL, times=5)["accepted"]
    eventually(lambda: server.connections > 1)
    assert driver.request("shutdown", timeout=100)["undelivered"] == 0
    assert server.requests == []
    server.certificate = true_certificate
    driver.request("new", settings=settings)
    accepted += driver.request("record", call=CALL)["accepted"]
    eventually(lambda: len(server.taken) >= 6)
    assert driver.request("flush", timeout=30_000)["queued"] == 0
    driver.request("shutdown")
    assert Counter(server.taken) == Counter(accepted)
    assert driver.codes() == []


def call(driver: Driver, server: FaultServer, ca: Path, method: str, given: Any) -> dict[str, Any]:
    """Returns what became of a call of the UsageClient."""
    client = {"base_url": server.url, "origin": "billing", "max_retries": 2, "ca_location": str(ca)}
    return driver.request("usage_client", client=client, method=method, token=KEY, given=given)


def test_a_usage_client_trusts_the_authority_that_it_is_given(
    driver: Driver, server: FaultServer, certificates: Authorities, false_certificate: Path
) -> None:
    ca = certificates.good.ca
    server.usual = Reply(202, ANSWER)
    true_certificate, server.certificate = server.certificate, false_certificate
    given_up = call(driver, server, ca, "emit", EVENT)
    assert (given_up["result"], given_up["thrown"], given_up["slept"]) == (None, None, [1000])
    assert len(given_up["logged"]) == 1
    assert "no answer" in call(driver, server, ca, "usage", {})["thrown"]["message"]
    assert server.requests == []
    server.certificate = true_certificate
    assert call(driver, server, ca, "emit", EVENT)["result"] == "e-1"


@pytest.mark.parametrize("driver", ["go", "python"], indirect=True)
def test_a_file_without_certificates_is_refused(driver: Driver, server: FaultServer) -> None:
    for file in (Path("/nowhere"), Path(__file__)):
        [detail] = call(driver, server, file, "emit", EVENT)["thrown"]["details"]
        assert detail["field"].replace("_", "").lower() == "calocation"
    assert server.connections == 0

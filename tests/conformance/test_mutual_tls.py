"""Both sides authenticate by certificates; `make e2e` does so with Apache Kafka."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.drivers import COMMANDS, Driver, Fault
from tests.conformance.test_scenarios import CALL
from tests.e2e.certificates import Certificates, write_certificates

pytestmark = pytest.mark.parametrize("language", sorted(COMMANDS))
_SECONDS = 30


@contextmanager
def _server(files: Certificates) -> Iterator[tuple[str, queue.Queue[str]]]:
    """A server that requires a certificate; yields its address, and the outcome of handshakes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.ca))
    context.load_cert_chain(files.server)
    context.verify_mode = ssl.CERT_REQUIRED
    outcomes: queue.Queue[str] = queue.Queue()

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:  # the test is over
                return
            accepted.settimeout(_SECONDS)
            try:
                with context.wrap_socket(accepted, server_side=True) as secured:
                    outcomes.put(str((secured.getpeercert() or {}).get("subjectAltName")))
            except OSError as error:
                outcomes.put(f"refused: {error}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", outcomes
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(_SECONDS)


def test_a_client_presents_its_certificate(language: str, tmp_path: Path) -> None:
    files = write_certificates(tmp_path)
    anonymous = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_location": str(files.ca)}
    known = {
        "kafka_ssl_certificate_location": str(files.client),
        "kafka_ssl_key_location": str(files.client_key),
    }
    with Driver(language) as driver:
        for settings, expected in (
            ({**anonymous, **known}, "client@localhost"),
            (anonymous, "refused"),
        ):
            with _server(files) as (address, outcomes):
                driver.request("new", settings={**settings, "kafka_brokers": address})
                driver.request("record", call=CALL)
                assert expected in outcomes.get(timeout=_SECONDS)
                driver.request("shutdown", timeout=0)


def test_half_a_pair_or_the_wrong_key_creates_no_client(language: str, tmp_path: Path) -> None:
    files = write_certificates(tmp_path)
    half = {"kafka_ssl_certificate_location": str(files.client)}
    other = {"kafka_ssl_key_location": str(files.client_key)}
    wrong = {**half, "kafka_ssl_key_location": str(files.server)}
    missing = {**half, "kafka_ssl_key_location": str(tmp_path / "none.pem")}
    with Driver(language) as driver:
        for settings in (half, other, wrong, missing):
            base = {"kafka_brokers": "127.0.0.1:1", "kafka_security_protocol": "SSL"}
            with pytest.raises(Fault, match=r"(?i)ssl_?(key|certificate)_?location"):
                driver.request("new", settings={**base, **settings})


def test_a_server_that_is_not_the_broker_receives_nothing(language: str, tmp_path: Path) -> None:
    right = write_certificates(tmp_path / "right")
    other = write_certificates(tmp_path / "other")
    elsewhere = write_certificates(tmp_path / "elsewhere", "192.0.2.1")
    with Driver(language) as driver:
        # By an authority that the client does not trust, and for another address.
        for server, trusted in ((other, right.ca), (elsewhere, elsewhere.ca)):
            settings = {
                "kafka_security_protocol": "SSL",
                "kafka_ssl_ca_location": str(trusted),
                "kafka_ssl_certificate_location": str(server.client),
                "kafka_ssl_key_location": str(server.client_key),
                "spool": "off",
            }
            with _server(server) as (address, outcomes):
                driver.request("new", settings={**settings, "kafka_brokers": address})
                driver.request("record", call=CALL)
                assert "refused" in outcomes.get(timeout=_SECONDS)
                assert driver.request("stats")["delivered"] == 0
                driver.request("shutdown", timeout=0)

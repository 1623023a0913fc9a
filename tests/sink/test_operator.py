"""An operator's mistakes, and a broken Kafka or store, are reported in one line with advice."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink.__main__ import main
from infra.sink.errors import SinkError
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.e2e.java import needs_kafka
from tests.e2e.real_broker import USER, RealBroker
from tests.environment import variables
from tests.sink.harness import SECONDS

NOWHERE = "127.0.0.1:1"
READING_KAFKA = (["dlq", "list"], ["dlq", "replay", "--all"])
READING_A_STORE = (
    ["migrate"],
    ["reconcile", "--since", "2026-03-10"],
    ["usage", "--workspace", "w", "--month", "2026-03"],
)


def error_line(command: Sequence[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that fails, and returns its one line of stderr without the prefix."""
    assert main(command) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    name, _, text = line.partition(": ")
    assert name == "sink"
    return text


def failure(command: Sequence[str]) -> int:
    """The exit status of a failure; 1 of reconcile reports missing events."""
    return 2 if command[0] == "reconcile" else 1


@contextmanager
def responding(status: int, text: str) -> Iterator[str]:
    """Serves one response to every request; yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("command", READING_KAFKA, ids=" ".join)
def test_an_unreachable_kafka_is_reported_with_the_cause(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_line([*command, "--brokers", NOWHERE], 1, capsys)
    assert f" at {NOWHERE}: " in line
    assert "Connection refused" in line
    assert line.endswith("; check that Kafka runs there and that the TLS and SASL settings match")


@needs_kafka
def test_a_wrong_kafka_password_is_reported_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with RealBroker(tmp_path) as broker:
        settings = variables(
            kafka_brokers=broker.secure,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="PLAIN",
            kafka_sasl_username=USER,
            kafka_sasl_password="wrong",
            kafka_ssl_ca_location=str(broker.ca),
        )
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        for command in READING_KAFKA:
            assert "Invalid username or password" in error_line(command, 1, capsys)


@pytest.mark.parametrize("command", READING_KAFKA, ids=" ".join)
def test_settings_that_no_client_accepts_are_a_usage_error(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = variables(kafka_security_protocol="SSL", kafka_ssl_ca_location=__file__)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    line = error_line([*command, "--brokers", NOWHERE], 2, capsys)
    assert line.startswith("invalid Kafka settings: ")
    assert "ssl.ca.location" in line


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
@pytest.mark.parametrize(
    ("status", "response", "text"),
    [
        (
            403,
            "Code: 516. DB::Exception: user: Authentication failed.",
            " rejected the user or the password",
        ),
        (404, "<html>nothing here</html>", ": HTTP driver received"),
        (200, "<html>welcome</html>", ": Unexpected response"),
    ],
)
def test_a_server_that_rejects_or_is_not_clickhouse_is_reported_with_the_cause(
    command: list[str],
    status: int,
    response: str,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with responding(status, response) as address:
        line = error_line([*command, "--dsn", f"http://u:p@{address}"], failure(command), capsys)
    assert f"the store at http://{address}{text}" in line


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
def test_an_unreachable_store_is_reported_with_the_cause(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_line([*command, "--dsn", f"http://{NOWHERE}"], failure(command), capsys)
    assert line.startswith(f"cannot open the store at http://{NOWHERE}: ")
    assert line.endswith("Connection refused; check that it runs and that the address is right")


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
def test_an_unsupported_dsn_is_a_usage_error(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unsupported DSN: expected " in error_line([*command, "--dsn", "host"], 2, capsys)


def test_a_sink_that_cannot_start_exits_with_one_line(tmp_path: Path) -> None:
    store = f"chdb://{tmp_path}/store"
    no_authority = variables(kafka_security_protocol="SSL", kafka_ssl_ca_location=__file__)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, settings, status, text in (
            (["--dsn", store], no_authority, 2, "invalid Kafka settings: "),
            (["--dsn", "host"], {}, 2, "unsupported DSN: "),
            (["--dsn", store, "--metrics-port", port], {}, 1, "cannot serve metrics on port "),
        ):
            ended = subprocess.run(
                [sys.executable, "-m", "infra.sink", "run", "--brokers", NOWHERE, *options],
                env={**os.environ, **settings},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert ended.returncode == status, ended.stderr
            lines = [line for line in ended.stderr.splitlines() if "sink: Kafka: " not in line]
            assert len(lines) == 1, ended.stderr
            assert lines[0].startswith(f"sink: {text}")


def test_a_read_only_user_gets_the_error_of_the_store(empty_store: Client) -> None:
    empty_store.command("SET readonly = 1")
    with pytest.raises(SinkError, match=r"^the store rejected the query: .*readonly.*$"):
        migrate(empty_store)


def test_a_closed_pipe_is_not_reported(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/store"
    with open_store(dsn) as client:
        migrate(client)
    command = ["reconcile", "--dsn", dsn, "--since", "2026-03-10"]
    with subprocess.Popen(
        [sys.executable, "-m", "infra.sink", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(SECONDS) == 2

"""What an operator hears who is wrong, or whose Kafka or store is: a line that says what to do."""

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


def said(command: Sequence[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that fails, behind the name of the program."""
    assert main(command) == status
    found = capsys.readouterr()
    assert found.out == ""
    [line] = found.err.splitlines()
    name, _, words = line.partition(": ")
    assert name == "sink"
    return words


def failure(command: Sequence[str]) -> int:
    """With reconcile, 1 is what is missing."""
    return 2 if command[0] == "reconcile" else 1


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """The address of a web server that has one answer."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("command", READING_KAFKA, ids=" ".join)
def test_kafka_that_is_away_is_named_with_why(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = said([*command, "--brokers", NOWHERE], 1, capsys)
    assert f" at {NOWHERE}; is Kafka running there" in words
    assert "Connection refused" in words


@needs_kafka
def test_a_wrong_password_of_kafka_is_said_to_be_one(
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
            assert "Invalid username or password" in said(command, 1, capsys)


@pytest.mark.parametrize("command", READING_KAFKA, ids=" ".join)
def test_settings_that_no_client_takes_are_wrong_use(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = variables(kafka_security_protocol="SSL", kafka_ssl_ca_location=__file__)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    words = said([*command, "--brokers", NOWHERE], 2, capsys)
    assert words.startswith("wrong settings for Kafka: ")
    assert "ssl.ca.location" in words


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (403, "Code: 516. DB::Exception: user: Authentication failed.", "refused the user or the"),
        (404, "<html>nothing here</html>", "is the address right? It says: HTTP driver received"),
        (200, "<html>welcome</html>", "is the address right? It says: Unexpected response"),
    ],
)
def test_a_server_that_refuses_or_is_none_is_named_with_why(
    command: list[str],
    status: int,
    answer: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering(status, answer) as address:
        line = said([*command, "--dsn", f"http://u:p@{address}"], failure(command), capsys)
    assert line.startswith(f"the store at http://{address} ")
    assert words in line


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
def test_a_store_that_is_away_is_named_with_why(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = said([*command, "--dsn", f"http://{NOWHERE}"], failure(command), capsys)
    assert words.startswith(f"the store at http://{NOWHERE} cannot be opened; is it running")
    assert words.endswith("Connection refused")


@pytest.mark.parametrize("command", READING_A_STORE, ids=" ".join)
def test_an_address_of_no_known_form_is_wrong_use(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "has no known form; expected " in said([*command, "--dsn", "host"], 2, capsys)


def test_a_sink_that_cannot_begin_ends_with_a_line(tmp_path: Path) -> None:
    store = f"chdb://{tmp_path}/store"
    no_authority = variables(kafka_security_protocol="SSL", kafka_ssl_ca_location=__file__)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, differs, status, words in (
            (["--dsn", store], no_authority, 2, "wrong settings for Kafka: "),
            (["--dsn", "host"], {}, 2, "the store's address has no known form"),
            (["--dsn", store, "--metrics-port", port], {}, 1, "cannot serve metrics on port "),
        ):
            ended = subprocess.run(
                [sys.executable, "-m", "infra.sink", "run", "--brokers", NOWHERE, *options],
                env={**os.environ, **differs},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert ended.returncode == status, ended.stderr
            lines = [line for line in ended.stderr.splitlines() if "sink: Kafka: " not in line]
            assert len(lines) == 1, ended.stderr
            assert lines[0].startswith(f"sink: {words}")


def test_a_user_who_may_change_nothing_is_told_what_the_store_says(empty_store: Client) -> None:
    empty_store.command("SET readonly = 1")
    with pytest.raises(SinkError, match=r"^the store refused the query: .*readonly.*$"):
        migrate(empty_store)


def test_a_reader_who_has_enough_is_told_nothing(tmp_path: Path) -> None:
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

"""Opening a store, and the errors when it cannot be opened."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from infra.sink.__main__ import main
from infra.sink.decode import Row
from infra.sink.dsn import FILE_VARIABLE, VARIABLE, Dsn, redact
from infra.sink.errors import SinkError, UnavailableError
from infra.sink.store import open_store
from infra.sink.writer import Writer
from tests.sink.clickhouse_server import ClickHouseServer

SECRET = "swordfish"


def open_error(dsn: str | None) -> str:
    with pytest.raises(SinkError) as raised:
        open_store(dsn)
    return str(raised.value)


@pytest.mark.parametrize("dsn", [None, ""])
def test_the_error_for_a_missing_dsn_names_the_variable_and_the_option(dsn: str | None) -> None:
    error = open_error(dsn)
    assert VARIABLE in error
    assert "--dsn" in error


@pytest.mark.parametrize(
    "dsn",
    [
        f"mysql://user:{SECRET}@host/",
        f"http://user:{SECRET}@[host/",
        f"http://user:{SECRET}@host:port/",
        f"user:{SECRET}@host",
        "chdb://",
        "chdb:///",
        "chdb://folder",
        "http://",
    ],
)
def test_a_malformed_dsn_is_rejected_without_showing_its_password(dsn: str) -> None:
    error = open_error(dsn)
    assert "chdb:///folder" in error
    assert SECRET not in error


def test_an_unreachable_server_is_reported_without_its_password() -> None:
    error = open_error(f"http://user:{SECRET}@127.0.0.1:1/")
    assert "the store at http://127.0.0.1:1" in error
    assert "check that it runs" in error
    assert SECRET not in error


def test_a_folder_locked_by_another_process_is_reported_as_in_use(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/held"
    holder = (
        "import sys\n"
        "from infra.sink.store import open_store\n"
        "with open_store(sys.argv[1]):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, dsn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        assert "is open in another process" in open_error(dsn)
        process.communicate()
    with open_store(dsn) as client:
        assert client.command("SELECT 1") == 1


def test_what_was_written_persists(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/kept"
    with open_store(dsn) as client:
        client.command("CREATE DATABASE kept")
    with open_store(dsn) as client:
        assert "kept" in str(client.command("SHOW DATABASES"))


@pytest.mark.parametrize("command", ["migrate", "reconcile", "usage"])
def test_every_command_prints_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main([command, "--help"])
    assert exited.value.code == 0
    assert "--dsn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "status"),
    [("usage --workspace ws-1 --month 2026-01", 1), ("reconcile --since 2026-01-01", 2)],
)
def test_a_mistyped_folder_is_not_created(
    command: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mistyped"
    assert main([*command.split(), "--dsn", f"chdb://{folder}"]) == status
    assert f"no store at chdb://{folder}: check the path" in capsys.readouterr().err
    assert not folder.exists()


def test_a_folder_without_the_package_chdb_is_a_usage_error(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['chdb'] = None\n"
        "from infra.sink.__main__ import main\n"
        "sys.exit(main(['migrate', '--dsn', sys.argv[1]]))\n"
    )
    dsn = f"chdb://{tmp_path}/store"
    ended = subprocess.run(
        [sys.executable, "-c", program, dsn], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == f"sink: {dsn} requires the package chdb: install it\n"


PASSWORDS = ["swordfish", "1swordfish", "123/swordfish", "a:sword@fish", "?swordfish", "#swordfish"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http", "https", "chdb", "mysql"])
def test_no_password_is_shown_wherever_a_parser_would_end_it(
    scheme: str, password: str, capfd: pytest.CaptureFixture[str]
) -> None:
    dsn = f"{scheme}://user:{password}@127.0.0.1:1/db?password={password}"
    assert "swordfish" not in redact(f"cannot open {dsn} now")
    assert "fish" not in open_error(dsn)
    for wrong in (["--dsn", dsn], ["--dsnn", dsn], ["--dsn", dsn, "--month", dsn], [dsn]):
        with contextlib.suppress(SystemExit):
            main(["usage", *wrong])
    printed = capfd.readouterr()
    assert printed.err
    assert "fish" not in printed.out + printed.err


def test_a_password_that_ends_the_address_must_be_encoded() -> None:
    assert "percent-encode" in open_error("http://user:123/swordfish@host:8123")


def test_a_dsn_is_read_from_a_file_and_never_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"chdb://{tmp_path}/store\n")
    assert main(["migrate", "--dsn-file", str(file)]) == 0
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert main(["usage", "--workspace", "w", "--month", "2026-01"]) == 0
    monkeypatch.setenv(VARIABLE, f"http://user:{SECRET}@host")
    assert main(["usage", "--workspace", "w", "--month", "2026-01"]) == 2
    assert f"{VARIABLE} and {FILE_VARIABLE}" in capsys.readouterr().err
    assert SECRET not in repr(Dsn(f"http://user:{SECRET}@host"))


def test_a_file_that_cannot_be_read_is_an_error_of_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["usage", "--dsn-file", str(tmp_path / "none")])
    assert "cannot read the DSN file" in capsys.readouterr().err


def test_a_password_that_is_rotated_in_the_file_needs_no_restart(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    with ClickHouseServer(tmp_path / "store", "former") as server:
        file.write_text(server.dsn)
        writer = Writer(Dsn(None, str(file)))
        assert writer.open().command("SELECT 1") == 1
        server.password = "latter"
        with pytest.raises(UnavailableError) as refused:
            list(writer.insert([Row(b"{}", "api", "api_call", "ok", "", "")]))
        assert "former" not in str(refused.value)
        with pytest.raises(UnavailableError, match="rejected the user or the password"):
            writer.open()
        file.write_text(server.dsn)
        assert writer.open().command("SELECT 1") == 1
        writer.close()

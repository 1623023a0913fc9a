"""Opening a store, and the errors when it cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.sink.__main__ import main
from infra.sink.errors import SinkError
from infra.sink.store import VARIABLE, open_store

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

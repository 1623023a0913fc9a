"""How a store is opened, and what is said where it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.sink.__main__ import main
from infra.sink.errors import SinkError
from infra.sink.store import VARIABLE, open_store

SECRET = "swordfish"


def refusal(dsn: str | None) -> str:
    with pytest.raises(SinkError) as refused:
        open_store(dsn)
    return str(refused.value)


@pytest.mark.parametrize("dsn", [None, ""])
def test_without_an_address_both_ways_to_give_one_are_told(dsn: str | None) -> None:
    said = refusal(dsn)
    assert VARIABLE in said
    assert "--dsn" in said


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
def test_an_address_of_another_form_is_refused_and_its_password_not_shown(dsn: str) -> None:
    said = refusal(dsn)
    assert "chdb:///folder" in said
    assert SECRET not in said


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    said = refusal(f"http://user:{SECRET}@127.0.0.1:1/")
    assert "the store at http://127.0.0.1:1" in said
    assert "is it running" in said
    assert SECRET not in said


def test_a_folder_that_another_process_holds_is_said_to_be_in_use(tmp_path: Path) -> None:
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
        assert "is open in another process" in refusal(dsn)
        process.communicate()
    with open_store(dsn) as client:
        assert client.command("SELECT 1") == 1


def test_what_was_written_is_there_for_the_next_to_open_it(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/kept"
    with open_store(dsn) as client:
        client.command("CREATE DATABASE kept")
    with open_store(dsn) as client:
        assert "kept" in str(client.command("SHOW DATABASES"))


@pytest.mark.parametrize("command", ["migrate", "reconcile", "usage"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert "--dsn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "status"),
    [("usage --workspace ws-1 --month 2026-01", 1), ("reconcile --since 2026-01-01", 2)],
)
def test_a_mistyped_folder_is_no_new_store(
    command: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mistyped"
    assert main([*command.split(), "--dsn", f"chdb://{folder}"]) == status
    assert f"there is no store at chdb://{folder}; is the path right?" in capsys.readouterr().err
    assert not folder.exists()

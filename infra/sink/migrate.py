"""Brings the store's tables and views up to date.

A numbered migration is applied once. What stands in `current/`, the catalog and the views, is made
anew whenever it changed. A second run changes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import store
from infra.sink._generated.fields import DATABASE
from infra.sink.errors import SinkError

FOLDER = Path(__file__).resolve().parents[1] / "clickhouse"

_CURRENT = "current/"
_LEDGER = f"{DATABASE}.schema_migrations"
# Creating what is there already changes nothing, so the ledger needs no migration of its own.
_CREATE_LEDGER = f"""\
CREATE TABLE IF NOT EXISTS {_LEDGER}
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree(applied_at) ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Script:
    """A file of statements; `once` is a numbered migration, which never changes."""

    name: str
    text: str
    once: bool

    @property
    def checksum(self) -> str:
        """What the ledger knows the file by."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Each ends with a semicolon at the end of a line, which no literal and no comment has."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        yield from filter(None, (part.strip() for part in "\n".join(lines).split(";\n")))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    store.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Applies what is not applied, and names it."""
    with store.open_store(arguments.dsn) as client:
        applied = migrate(client)
    for script in applied:
        sys.stdout.write(f"applied {script.name}\n")
    sys.stdout.write(f"{len(applied)} applied; the store is up to date\n")
    return 0


def migrate(client: Client, folder: Path = FOLDER) -> list[Script]:
    """Applies what the store lacks, in order, and returns it."""
    scripts = _scripts(folder)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        client.command(_CREATE_LEDGER)
        rows = client.query(f"SELECT name, checksum FROM {_LEDGER} FINAL").result_rows
    except ClickHouseError as failure:
        raise store.failed(failure) from None
    known = {str(name): str(checksum) for name, checksum in rows}
    _refuse(scripts, known)
    due = [script for script in scripts if known.get(script.name) != script.checksum]
    for script in due:
        _apply(client, script)
    return due


def _scripts(folder: Path) -> list[Script]:
    numbered, current = sorted(folder.glob("*.sql")), sorted(folder.glob(f"{_CURRENT}*.sql"))
    if not numbered:
        raise SinkError(f"no migrations in {folder}; run `make generate`")
    return [
        Script(path.relative_to(folder).as_posix(), path.read_text("utf-8"), once)
        for paths, once in ((numbered, True), (current, False))
        for path in paths
    ]


def _refuse(scripts: list[Script], known: dict[str, str]) -> None:
    for script in scripts:
        if script.once and known.get(script.name, script.checksum) != script.checksum:
            raise SinkError(
                f"{script.name} is not what this store was given; a migration never changes: "
                "restore the file from version control, and make changes in a new one"
            )
    here = {script.name for script in scripts}
    newer = sorted(name for name in known.keys() - here if not name.startswith(_CURRENT))
    if newer:
        raise SinkError(
            f"the store has {newer[0]}, which is not here; a newer version migrated it: update"
        )


def _apply(client: Client, script: Script) -> None:
    try:
        for statement in script.statements():
            client.command(statement)
    except ClickHouseError as failure:
        raise SinkError(
            f"{script.name} failed; run again after a fix, from where it stopped: "
            f"{store.first_line(failure)}"
        ) from None
    client.insert(_LEDGER, [[script.name, script.checksum]], ["name", "checksum"])

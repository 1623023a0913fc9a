"""Create or update the tables and views of the store.

A numbered migration is applied once. The scripts in `current/`, which are the catalog and the
views, are applied again whenever they change. A second run changes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, store
from infra.sink._generated.fields import (
    CLOSES,
    DATABASE,
    RETENTION_SECONDS,
    TABLE,
    TIME,
    TIME_ZONE,
    TIME_ZONES,
)
from infra.sink.closing import ledger
from infra.sink.errors import SinkError
from infra.sink.zones import stored

FOLDER = Path(__file__).resolve().parents[1] / "clickhouse"

_CURRENT = "current/"
_RETENTION = f"{_CURRENT}retention.sql"
# Begins the line of a script that is not safe to repeat after its last statement.
_UNLESS = "-- unless: "
_HISTORY = f"{DATABASE}.schema_migrations"
_BILLING = "catalog_billing"
_OF_CLOSES = (_BILLING, CLOSES)
# Creating an existing table changes nothing, so this one needs no migration.
_CREATE_HISTORY = f"""\
CREATE TABLE IF NOT EXISTS {_HISTORY}
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree(applied_at) ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Script:
    """A file of SQL statements; `once` marks a numbered migration, which never changes."""

    name: str
    text: str
    once: bool

    @property
    def checksum(self) -> str:
        """The digest that the history stores for the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def unless(self) -> str | None:
        """The query that returns 1 if a crash hid that the script was applied completely."""
        lines = (line.partition(_UNLESS) for line in self.text.splitlines())
        return next((query for before, mark, query in lines if mark and not before), None)

    def statements(self) -> Iterator[str]:
        """Yields the statements; a semicolon at the end of a line, never in a literal, ends one."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        yield from filter(None, (part.strip() for part in "\n".join(lines).split(";\n")))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    parser.add_argument(
        "--expire",
        action="store_true",
        help="drop the events that are older than a retention which is new to the store",
    )


def run(arguments: argparse.Namespace) -> int:
    """Applies the pending scripts and prints their names."""
    with store.open_store(arguments.dsn) as client:
        applied = migrate(client, expire=arguments.expire)
    for script in applied:
        sys.stdout.write(f"applied {script.name}\n")
    sys.stdout.write(f"{len(applied)} applied; the store is up to date\n")
    return 0


def migrate(client: Client, folder: Path = FOLDER, *, expire: bool = False) -> list[Script]:
    """Applies the scripts that the store lacks, in order, and returns them.

    Args:
        client: an open store.
        folder: of the scripts.
        expire: whether a retention that is new to the store may drop events.

    Raises:
        SinkError: a script fails, or must not be applied to this store.
    """
    scripts = _scripts(folder)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        client.command(_CREATE_HISTORY)
        rows = client.query(f"SELECT name, checksum FROM {_HISTORY} FINAL").result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    applied = {str(name): str(checksum) for name, checksum in rows}
    _reject_changed(scripts, applied)
    _reject_moved_months(client)
    pending = [script for script in scripts if applied.get(script.name) != script.checksum]
    if not expire and any(script.name == _RETENTION for script in pending):
        _reject_expiry(client)
    for script in pending:
        if script.once:
            _apply(client, script)
    _write_zones(client)
    for script in pending:
        if not script.once:
            _apply(client, script)
    return pending


def _scripts(folder: Path) -> list[Script]:
    numbered, current = sorted(folder.glob("*.sql")), sorted(folder.glob(f"{_CURRENT}*.sql"))
    if not numbered:
        raise SinkError(f"no migrations in {folder}: run `make generate`")
    return [
        Script(path.relative_to(folder).as_posix(), path.read_text("utf-8"), once)
        for paths, once in ((numbered, True), (current, False))
        for path in paths
    ]


def _reject_changed(scripts: list[Script], applied: dict[str, str]) -> None:
    for script in scripts:
        if script.once and applied.get(script.name, script.checksum) != script.checksum:
            raise SinkError(
                f"{script.name} differs from what was applied to this store: restore the file from "
                "version control, and make the change in a new migration"
            )
    here = {script.name for script in scripts}
    newer = sorted(name for name in applied.keys() - here if not name.startswith(_CURRENT))
    if newer:
        raise SinkError(
            f"the store has {newer[0]}, which a newer version applied: update to that version"
        )


def _reject_moved_months(client: Client) -> None:
    """Fails if the catalog's time zone changed and a month is closed, which would be cut anew."""
    try:
        if any(client.command(f"EXISTS TABLE {DATABASE}.{name}") != 1 for name in _OF_CLOSES):
            return
        [[zone]] = client.query(f"SELECT time_zone FROM {DATABASE}.{_BILLING}").result_rows
        closes = ledger.read(client) if zone != TIME_ZONE else []
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    if closes:
        raise SinkError(
            f"months are closed in {zone}, and the catalog's time zone is {TIME_ZONE}: restore it, "
            "and set that of workspaces for later months with `usage-sink workspace set`"
        )


def _reject_expiry(client: Client) -> None:
    """Fails if the store has events that a new retention would drop at once."""
    retention = timedelta(seconds=RETENTION_SECONDS or 0)
    if not retention:
        return
    first_kept = datetime.now(UTC) - retention
    until = first_kept.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        if client.command(f"EXISTS TABLE {DATABASE}.{TABLE}") != 1:
            return
        [[events, first, last]] = client.query(
            f"SELECT count(), min({TIME}), max({TIME}) FROM {DATABASE}.{TABLE}"
            f" WHERE {TIME} < {{until:DateTime64(3, 'UTC')}}",
            {"until": store.bound(until)},
        ).result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    if events:
        raise SinkError(
            f"the store has {events:,} events from {first:%Y-%m} to {last:%Y-%m}, which the "
            f"retention of {retention.days:,} days drops: lengthen `store.retention`, "
            "or run `usage-sink migrate --expire`"
        )


def _write_zones(client: Client) -> None:
    """Writes the time zones in use, which views read; a folder of other scripts has no table."""
    try:
        if client.command(f"EXISTS TABLE {DATABASE}.{TIME_ZONES}") == 1:
            stored.write_used(client)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None


def _apply(client: Client, script: Script) -> None:
    try:
        if script.unless is None or client.command(script.unless) != 1:
            for statement in script.statements():
                client.command(statement)
    except ClickHouseError as failure:
        raise SinkError(
            f"{script.name} failed: {store.first_line(failure)}; fix the cause and run `usage-sink "
            "migrate` again, which repeats this script"
        ) from None
    client.insert(_HISTORY, [[script.name, script.checksum]], ["name", "checksum"])

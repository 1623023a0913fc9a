"""Create or update the tables and views of the store.

A numbered migration is applied once. The scripts in `current/`, which are the catalog and the
views, are applied again whenever they change. A second run changes nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import cluster, dsn, store
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
from infra.sink.errors import SinkError, UsageError
from infra.sink.scripts import CURRENT, FOLDER, Script, read_scripts
from infra.sink.zones import stored

_RETENTION = f"{CURRENT}retention.sql"
_HISTORY = f"{DATABASE}.schema_migrations"
_BILLING = "catalog_billing"
_OF_CLOSES = (_BILLING, CLOSES)
# Creating an existing table changes nothing, so this one needs no migration.
_CREATE_HISTORY = f"""\
CREATE TABLE IF NOT EXISTS {_HISTORY}
(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree(applied_at) ORDER BY name"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    parser.add_argument(
        "--cluster",
        metavar="NAME",
        help="the store is of this cluster, as `remote_servers` of its servers names it",
    )
    parser.add_argument(
        "--print",
        action="store_true",
        dest="is_printed",
        help="print the statements that make the store of a new cluster, and connect to none",
    )
    parser.add_argument(
        "--expire",
        action="store_true",
        help="drop the events that are older than a retention which is new to the store",
    )


def run(arguments: argparse.Namespace) -> int:
    """Applies the pending scripts and prints their names."""
    if arguments.cluster is None:
        if arguments.is_printed:
            raise UsageError("--print prints the statements of a cluster: pass --cluster NAME too")
        with store.open_store(arguments.dsn) as client:
            applied = migrate(client, expire=arguments.expire)
    else:
        cluster.check_name(arguments.cluster)
        if not arguments.is_printed and store.is_embedded(arguments.dsn):
            raise UsageError("chDB is not a cluster: pass the DSN of one of its servers")
        made = cluster.Cluster(arguments.cluster, schema())
        if arguments.is_printed:
            for statement in made.plan(read_scripts(), is_new=True):
                sys.stdout.write(f"{statement};\n\n")
            return 0
        with store.open_store(arguments.dsn) as client:
            applied = migrate_cluster(client, made, expire=arguments.expire)
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
    scripts = read_scripts(folder)
    try:
        name = cluster.of_store(client)
        if name is not None:
            raise SinkError(f"the store is of a cluster: run `usage-sink migrate --cluster {name}`")
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        client.command(_CREATE_HISTORY)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    pending = _pending(client, scripts, _applied(client), expire=expire)
    for script in pending:
        if script.once:
            _apply(client, script)
    _write_zones(client)
    for script in pending:
        if not script.once:
            _apply(client, script)
    return pending


def migrate_cluster(
    client: Client, made: cluster.Cluster, folder: Path = FOLDER, *, expire: bool = False
) -> list[Script]:
    """Creates the store of a cluster or brings it up to date, and returns the scripts it lacked.

    Args:
        client: any server of the cluster.
        made: the cluster.
        folder: of the scripts.
        expire: whether a retention that is new to the store may drop events.

    Raises:
        SinkError: a statement fails, or must not be executed there.
    """
    try:
        name = cluster.of_store(client)
        if name != made.name and _exists(client, TABLE):
            raise SinkError(
                "the store is of one server: make that of the cluster on servers without one"
                if name is None
                else f"the store is of the cluster {name}: pass --cluster {name}"
            )
        applied = _applied(client) if _exists(client, _HISTORY.partition(".")[2]) else {}
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    pending = _pending(client, read_scripts(folder), applied, expire=expire)
    for statement in made.plan(pending, is_new=not applied):
        try:
            client.command(statement)
        except ClickHouseError as failure:
            raise SinkError(
                f"{statement.partition(chr(10))[0]} failed: {store.first_line(failure)}; fix the "
                "cause and run `usage-sink migrate --cluster` again, which repeats all"
            ) from None
    _write_zones(client)
    for script in pending:
        _note(client, script)
    return pending


def schema() -> cluster.Schema:
    """Returns what the scripts leave in a store of one server, which is made for it in a folder.

    Raises:
        SinkError: chDB, which does so, is not installed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="usage-sink-") as folder,
        store.open_store(f"chdb://{folder}/store") as client,
    ):
        migrate(client)
        return cluster.read_schema(client, read_scripts())


def _applied(client: Client) -> dict[str, str]:
    try:
        rows = client.query(f"SELECT name, checksum FROM {_HISTORY} FINAL").result_rows
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    return {str(name): str(checksum) for name, checksum in rows}


def _pending(
    client: Client, scripts: list[Script], applied: dict[str, str], *, expire: bool
) -> list[Script]:
    """Returns the scripts that a store lacks, if they may be applied to it."""
    _reject_changed(scripts, applied)
    _reject_moved_months(client)
    pending = [script for script in scripts if applied.get(script.name) != script.checksum]
    if not expire and any(script.name == _RETENTION for script in pending):
        _reject_expiry(client)
    return pending


def _exists(client: Client, table: str) -> bool:
    return client.command(f"EXISTS TABLE {DATABASE}.{table}") == 1


def _reject_changed(scripts: list[Script], applied: dict[str, str]) -> None:
    for script in scripts:
        if script.once and applied.get(script.name, script.checksum) != script.checksum:
            raise SinkError(
                f"{script.name} differs from what was applied to this store: restore the file from "
                "version control, and make the change in a new migration"
            )
    here = {script.name for script in scripts}
    newer = sorted(name for name in applied.keys() - here if not name.startswith(CURRENT))
    if newer:
        raise SinkError(
            f"the store has {newer[0]}, which a newer version applied: update to that version"
        )


def _reject_moved_months(client: Client) -> None:
    """Fails if the catalog's time zone changed and a month is closed, which would be cut anew."""
    try:
        if not all(_exists(client, name) for name in _OF_CLOSES):
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
        if not _exists(client, TABLE):
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
        if _exists(client, TIME_ZONES):
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
    _note(client, script)


def _note(client: Client, script: Script) -> None:
    client.insert(_HISTORY, [[script.name, script.checksum]], ["name", "checksum"])

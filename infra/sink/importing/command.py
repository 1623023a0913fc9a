"""Import events from a file, such as those of a former system.

FILE is CSV, whose header names the arguments of `record()`, or NDJSON, an object with them a line.
An event must have an event_id and occurred_at, which may be as old as the store keeps. The SDK
checks each; if one is invalid, none is imported and each fault is listed with its line.

The events go to Kafka in one transaction, and the sinks store them. The store keeps who imported
which file and why. A file that was imported already is left alone; an event that the store has
counts once in any case. Events of a month that is closed are adjustments.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import socket
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from clickhouse_connect.driver.client import Client
from eka_usage import ConfigError

from infra.sink import arguments as argument
from infra.sink import dsn, kafka, output, store
from infra.sink.errors import SinkError, UsageError
from infra.sink.importing import audit, checking, lines
from infra.sink.importing.delivery import deliver
from infra.sink.text import printable

_SERVICE = "usage-import"
_SHOWN = 20
_CHUNK = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    kafka.add_arguments(parser)
    dsn.add_arguments(parser)
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="import the events of this file")
    add("--reason", help="why, for the audit; required to import")
    add("--by", metavar="NAME", help="who imports, for the audit (default: the user and the host)")
    add("--format", choices=lines.FORMATS, help="of the file (default: as its name ends)")
    add(
        "--service",
        default=_SERVICE,
        type=argument.name,
        metavar="NAME",
        help="the service of events that name none (default: %(default)s)",
    )
    add("--environment", help="the environment of the events (default: as set for services)")
    add("--dry-run", action="store_true", help="check the file, and import nothing")
    add("--again", action="store_true", help="import a file that was imported already")
    add("--list", action="store_true", help="list what was imported")


def run(arguments: argparse.Namespace) -> int:
    """Imports a file, or lists what was imported."""
    if arguments.list:
        return _list(arguments)
    if arguments.file is None:
        raise UsageError("pass FILE, or --list")
    if not arguments.dry_run and not (arguments.reason or "").strip():
        raise UsageError("--reason must not be blank")
    format_name = arguments.format or lines.guess_format(arguments.file)
    if format_name is None:
        raise UsageError("pass --format: the file is not named .csv, .ndjson or .jsonl")
    try:
        with Path(arguments.file).open("rb") as file, tempfile.TemporaryFile() as encoded:
            return _import(arguments, file, encoded, format_name)
    except OSError as failure:
        raise UsageError(f"cannot read {arguments.file}: {failure.strerror or failure}") from None


def _import(
    arguments: argparse.Namespace, file: IO[bytes], encoded: IO[bytes], format_name: str
) -> int:
    now, name = datetime.now(UTC), Path(arguments.file).name
    connection = {} if arguments.dry_run else kafka.connection(arguments.brokers)
    try:
        encoder = checking.Encoder(arguments.service, arguments.environment, now)
    except ConfigError as error:
        raise UsageError(str(error)) from None
    reading = _Digesting(file)
    with closing(encoder):
        try:
            checked = encoder.check(lines.read(reading, format_name), encoded)
        except lines.FaultError as error:
            raise SinkError(f"{arguments.file}: line 1: {error}") from None
        instance_id = encoder.instance_id
    if checked.faults:
        shown = checked.faults[:_SHOWN]
        if len(checked.faults) > len(shown):
            shown.append(f"and {len(checked.faults) - len(shown):,} more")
        sys.stdout.write("".join(f"{printable(each)}\n" for each in shown))
        raise SinkError(f"nothing of {arguments.file} is imported: {len(checked.faults):,} faults")
    if not checked.events:
        raise SinkError(f"{arguments.file} has no event")
    what = f"{checked.events:,} events of {name}, from {checked.first} to {checked.last}"
    if arguments.dry_run:
        sys.stdout.write(f"valid: {printable(what)}\n")
        return 0
    made = audit.Import(
        instance_id,
        reading.digest(),
        name,
        checked.events,
        checked.first,
        checked.last,
        arguments.by or f"{getpass.getuser()}@{socket.gethostname()}",
        arguments.reason,
    )
    with store.open_store(arguments.dsn, existing=True) as client:
        if not arguments.again and (before := _complete(client, made.digest)):
            sys.stdout.write(f"{printable(before)}: pass --again if the events are lost\n")
            return 0
        audit.write(client, made, is_complete=False)
        deliver(connection, checking.messages(encoded))
        audit.write(client, made, is_complete=True)
    sys.stdout.write(
        f"imported {printable(what)}, as client {instance_id}: the sinks store them, and "
        "`usage-sink reconcile` finds none missing then\n"
    )
    return 0


def _complete(client: Client, digest: str) -> str:
    """Returns when a file was imported and by whom; empty if it was not."""
    for row in audit.find(client, digest):
        if row["is_complete"]:
            when = output.text(row["imported_at"])
            return f"{row['file']} was imported already, at {when} by {row['imported_by']}"
    return ""


def _list(arguments: argparse.Namespace) -> int:
    with store.open_store(arguments.dsn, existing=True) as client:
        rows = audit.find(client)
    shown = [{**row, "is_complete": "yes" if row["is_complete"] else "no"} for row in rows]
    sys.stdout.write(output.table(shown, audit.SHOWN) if shown else "nothing was imported\n")
    return 0


class _Digesting:
    """Reads a file by its lines, and tells the digest of all of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def readline(self, size: int, /) -> bytes:
        text = self._file.readline(size)
        self._hash.update(text)
        return text

    def digest(self) -> str:
        """Returns the SHA-256 of the file, in hexadecimal."""
        while chunk := self._file.read(_CHUNK):
            self._hash.update(chunk)
        return self._hash.hexdigest()

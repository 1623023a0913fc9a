"""Erase a workspace, or a key of metadata, for good.

Without --yes it only shows what there is. With --yes views hide, at once, all work from before now,
and so each copy that Kafka, a spool, a replay or an import delivers later; the tables, also those
of findings and of events of closes, lose it. The lines of closed months keep their amounts, as tax
law asks for, and receipts a digest, so that reconcile misses nothing. Usage from now on counts.

Kafka keeps messages until its retention removes them; the certificate says until when. Dead letters
are marked, and neither shown nor replayed. The certificate, which the store keeps, has the SHA-256
of the workspace in place of its name. Say nothing in --reason that must not stay.

With a workspace go those that are billed under its name, each with a certificate; one that is
billed under another name is erased with that.

Run again, it ends what was interrupted, or prints the certificate. A sink deletes late copies at
its start and once a day; --again does so now.
"""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import arguments as argument
from infra.sink import dsn, kafka, output, store
from infra.sink._generated.fields import CLOSE_LINES, METADATA, RECEIPTS
from infra.sink.erasing import copies, ledger, stored
from infra.sink.erasing.ledger import Erasure
from infra.sink.erasing.sweep import sweep
from infra.sink.errors import SinkError, UsageError
from infra.sink.renames import ledger as renames
from infra.sink.text import printable

_ATTEMPTS = 10
_LISTED = ("erased_before", "workspace_digest", "metadata_key", "erased_by", "reason", "complete")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    kafka.add_arguments(parser)
    dsn.add_arguments(parser)
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--workspace", type=argument.name, help="erase this workspace, or its key")
    whose.add_argument("--all", action="store_true", help="erase the key of all workspaces")
    add = parser.add_argument
    add("--metadata-key", type=argument.name, metavar="KEY", help="erase only this metadata key")
    add("--reason", help="why, for the certificate; required with --yes")
    add(
        "--by",
        metavar="NAME",
        help="who erases, for the certificate (default: the user and the host)",
    )
    add("--yes", action="store_true", help="erase; nothing brings it back")
    add("--again", action="store_true", help="delete what arrived after it was erased")
    add("--list", action="store_true", help="list the certificates")
    add(
        "--format",
        choices=("text", "json"),
        default="text",
        help="print in this format (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Erases, or shows what would be."""
    _check(arguments)
    connection = {} if arguments.list else kafka.connection(arguments.brokers)
    with store.open_store(arguments.dsn, existing=True) as client:
        try:
            if arguments.list:
                return _list(client, arguments)
            if arguments.again:
                sys.stdout.write(f"{sweep(client, connection)} late events erased\n")
                return 0
            each_name = _named(client, arguments)
            if not arguments.yes:
                return _show(client, each_name)
            made = [(each, *_erase(client, connection, each)) for each in each_name]
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
    if arguments.format == "json":
        documents = [_document(erasure) for _, erasure, _ in made]
        output.write_json(documents[0] if len(documents) == 1 else documents)
        return 0
    for named, erasure, is_new in made:
        if not is_new:
            sys.stdout.write("was erased already, and nothing has come since\n")
        for line in _told(erasure, named):
            sys.stdout.write(f"{printable(line)}\n")
    return 0


def _named(client: Client, arguments: argparse.Namespace) -> list[argparse.Namespace]:
    """Returns the arguments for each name that a workspace was recorded under, its own first.

    Raises:
        SinkError: its usage is billed under another name.
    """
    workspace = arguments.workspace
    if workspace is None:
        return [arguments]
    names = renames.names(client)
    billed = {name for _, name in names.changes(workspace)} - {workspace}
    if billed and not arguments.metadata_key:
        raise SinkError(
            f"{workspace!r} is billed as {', '.join(map(repr, sorted(billed)))}, whose invoices "
            "have its usage: erase that one, and this one goes with it"
        )
    each_name = [workspace, *({*names.recorded_as(workspace)} - {workspace})]
    return [argparse.Namespace(**{**vars(arguments), "workspace": name}) for name in each_name]


def _check(arguments: argparse.Namespace) -> None:
    whole = arguments.workspace is not None or arguments.all
    if arguments.list:
        return
    if arguments.again:
        if whole or arguments.metadata_key or arguments.yes:
            raise UsageError("--again is of all that is erased: pass nothing else")
        return
    if not whole:
        raise UsageError("pass --workspace, or --all with --metadata-key")
    if arguments.all and not arguments.metadata_key:
        raise UsageError("--all is for a metadata key: pass --metadata-key")
    if arguments.metadata_key and not METADATA:
        raise UsageError("events of this catalog have no metadata")
    if arguments.yes and not (arguments.reason or "").strip():
        raise UsageError("--reason must not be blank")


def _found(
    client: Client, arguments: argparse.Namespace, before: datetime
) -> stored.Workspace | stored.Key:
    """Returns what is erased, as the store has it now.

    Raises:
        SinkError: a metric type bills by the key.
    """
    if not arguments.metadata_key:
        return stored.Workspace(client, arguments.workspace, before)
    account = stored.digest(client, arguments.workspace)
    found = stored.Key(client, account, arguments.metadata_key, before)
    if names := found.counting():
        raise SinkError(
            f"{', '.join(names)} counts by metadata.{arguments.metadata_key}, and every invoice of "
            "it would change: erase the workspace, or have services record a digest"
        )
    return found


def _show(client: Client, each_name: Sequence[argparse.Namespace]) -> int:
    rows: Counter[str] = Counter()
    unbilled: Counter[str] = Counter()
    for arguments in each_name:
        found = _found(client, arguments, stored.now(client))
        rows.update(found.count())
        unbilled.update(found.unbilled() if isinstance(found, stored.Workspace) else {})
    if each_name[0].format == "json":
        output.write_json({"rows": rows, "unbilled": unbilled})
        return 0
    for arguments in each_name[1:]:
        sys.stdout.write(f"with {printable(arguments.workspace)}, which is billed as this one\n")
    for line in (*_counted(rows), *_unbilled(unbilled)):
        sys.stdout.write(f"{line}\n")
    if unbilled:
        sys.stdout.write("close these months first, or they are never billed\n")
    sys.stdout.write("nothing is erased: pass --yes and --reason\n")
    return 0


def _erase(
    client: Client, connection: Mapping[str, Any], arguments: argparse.Namespace
) -> tuple[Erasure, bool]:
    """Erases, and returns the erasure and whether it did anything."""
    workspace, key = arguments.workspace, arguments.metadata_key or ""
    erasure = ledger.pending(client, workspace, key)
    if erasure is None:
        found = _found(client, arguments, stored.now(client))
        known = ledger.of(client, workspace, key)
        if known and not any(found.count().values()):
            return known[-1], False
        unbilled = found.unbilled() if isinstance(found, stored.Workspace) else {}
        by = arguments.by or f"{getpass.getuser()}@{socket.gethostname()}"
        erasure = ledger.begin(client, workspace, key, arguments.reason, by)
        erasure = ledger.update(
            client, erasure, certificate={"unbilled": unbilled, **erasure.certificate}
        )
    erasure = _delete(client, arguments, erasure)
    copies.mark_erased(connection, [erasure])
    certificate = {
        **erasure.certificate,
        "kafka": copies.gone_by(connection),
        "erased_at": output.text(datetime.now(UTC)),
    }
    return ledger.update(client, erasure, certificate=certificate, is_complete=True), True


def _delete(client: Client, arguments: argparse.Namespace, erasure: Erasure) -> Erasure:
    """Deletes all there is; what is noted before a deletion is not noted less after a crash."""
    found: stored.Workspace | stored.Key
    if erasure.key:
        found = stored.Key(client, erasure.account, erasure.key, erasure.before)
    else:
        found = stored.Workspace(client, arguments.workspace, erasure.before)
    rows = found.count()
    for _ in range(_ATTEMPTS):
        kept, closes = {}, {}
        if isinstance(found, stored.Workspace):
            kept, closes = {CLOSE_LINES: found.lines()}, found.closes()
        # What is not there any more, another command has noted before it deleted it.
        noted = ledger.get(client, erasure.erasure_id)
        certificate = {
            **noted.certificate,
            "rows": _most(noted.certificate.get("rows", {}), rows),
            "kept": kept,
        }
        erasure = ledger.update(
            client, noted, certificate=certificate, closes=_most(noted.closes, closes)
        )
        found.delete()
        # A close that was being made, or an insert, may have added some.
        rows = found.count()
        if not any(rows.values()):
            return erasure
    raise SinkError("events of before arrive all the time: run the command again")


def _most(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: max(left.get(name, 0), right.get(name, 0)) for name in {**left, **right}}


def _list(client: Client, arguments: argparse.Namespace) -> int:
    digest = ledger.digest_of(arguments.workspace)
    found = [
        each
        for each in ledger.read(client)
        if digest in {"", each.digest} and arguments.metadata_key in {None, each.key}
    ]
    if arguments.format == "json":
        output.write_json([_document(each) for each in found])
        return 0
    rows: list[dict[str, Any]] = [
        dict(
            zip(
                _LISTED,
                (
                    *(each.before, each.digest, each.key, each.by, each.reason),
                    "yes" if each.is_complete else "no",
                ),
                strict=True,
            )
        )
        for each in found
    ]
    sys.stdout.write(output.table(rows, _LISTED) if rows else "nothing was erased\n")
    return 0


def _document(erasure: Erasure) -> dict[str, Any]:
    return {
        "erasure_id": erasure.erasure_id,
        "workspace_digest": erasure.digest,
        "metadata_key": erasure.key,
        "erased_before": erasure.before,
        "reason": erasure.reason,
        "erased_by": erasure.by,
        "is_complete": erasure.is_complete,
        **erasure.certificate,
    }


def _told(erasure: Erasure, arguments: argparse.Namespace) -> Iterator[str]:
    whose = "all workspaces" if arguments.all else f"workspace {arguments.workspace!r}"
    what = f"metadata key {erasure.key!r} of {whose}" if erasure.key else whose
    yield f"erased {what}, all from before {output.text(erasure.before)}"
    yield f"certificate    {erasure.erasure_id}, by {erasure.by}: {erasure.reason}"
    if erasure.digest:
        yield f"workspace      SHA-256 {erasure.digest}"
    certificate = erasure.certificate
    yield from _counted(certificate.get("rows", {}))
    for table, rows in certificate.get("kept", {}).items():
        yield f"kept           {rows} rows of {table}: amounts of closed months, without events"
    if not erasure.key:
        yield f"kept           {RECEIPTS}: numbers of clients, with a digest of each event"
    yield from _unbilled(certificate.get("unbilled", {}))
    for topic, time in certificate.get("kafka", {}).items():
        yield f"in Kafka       {topic} has copies until {time}"
    yield "elsewhere      spools of machines, backups and files that were imported"


def _counted(rows: Mapping[str, int]) -> Iterator[str]:
    for table, count in rows.items():
        yield f"{table:24} {count} rows"


def _unbilled(months: Mapping[str, int]) -> Iterator[str]:
    for month, events in months.items():
        yield f"not billed     {month}: {events} billable events"

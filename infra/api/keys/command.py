"""Create, list and revoke API keys."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from infra.api.errors import ApiError
from infra.api.keys.key import SCOPES, Key, digest_of, id_of, new_token
from infra.api.keys.keyring import change_keys, read_keys
from infra.sink import output

_COLUMNS = ("id", "service", "scopes", "workspaces", "created_at", "revoked_at")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = commands.add_parser("new", help="create a key and print it, this one time")
    new.add_argument("--service", required=True, help="report the usage of this service")
    new.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="allow this; repeatable (default: write)",
    )
    new.add_argument(
        "--workspace",
        action="append",
        metavar="ID",
        help="for this workspace alone; repeatable (default: all)",
    )
    listing = commands.add_parser("list", help="list the keys, without what would prove them")
    revoke = commands.add_parser("revoke", help="make a key invalid, for good")
    revoke.add_argument("id", help="as `list` prints it")
    for each in (new, listing, revoke):
        each.add_argument("--keys", required=True, type=Path, metavar="FILE", help="in this file")


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the actions."""
    match arguments.action:
        case "new":
            _new(arguments)
        case "list":
            _list(arguments.keys)
        case _:
            _revoke(arguments.keys, arguments.id)
    return 0


def _new(arguments: argparse.Namespace) -> None:
    token = new_token()
    digest = digest_of(token)
    if not arguments.service.strip():
        raise ApiError("the service must not be blank: name it as its events should")
    key = Key(
        id=id_of(digest),
        digest=digest,
        service=arguments.service,
        scopes=tuple(scope for scope in SCOPES if scope in (arguments.scope or ["write"])),
        workspaces=tuple(arguments.workspace) if arguments.workspace else None,
        created_at=_now(),
    )
    change_keys(arguments.keys, lambda keys: [*keys, key])
    sys.stdout.write(f"{token}\n")


def _list(path: Path) -> None:
    rows = [
        {
            **key.entry(),
            "scopes": " ".join(key.scopes),
            "workspaces": "all" if key.workspaces is None else " ".join(key.workspaces),
        }
        for key in read_keys(path)
    ]
    sys.stdout.write(output.table(rows, _COLUMNS) if rows else "no keys\n")


def _revoke(path: Path, key_id: str) -> None:
    def revoked(keys: list[Key]) -> Sequence[Key]:
        if key_id not in {key.id for key in keys}:
            raise ApiError(f"no key has the id {key_id!r}: `usage-api keys list` prints them")
        return [
            replace(key, revoked_at=key.revoked_at or _now()) if key.id == key_id else key
            for key in keys
        ]

    change_keys(path, revoked)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""The actions `rename` and `merge` of `usage-sink workspace`, and what `show` says of them."""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from collections.abc import Iterator
from typing import Any

from infra.sink import arguments as argument
from infra.sink import store
from infra.sink._generated.fields import ACCOUNT, FIRST_YEAR, LAST_YEAR
from infra.sink.errors import UsageError
from infra.sink.renames import change, levels
from infra.sink.renames.change import Change
from infra.sink.renames.levels import OpenLevels
from infra.sink.renames.names import BEGINNING, Rename, in_words
from infra.sink.text import printable

COLUMNS = (ACCOUNT, "since", "renamed_to", "reason", "renamed_by", "renamed_at")
ACTIONS = ("rename", "merge")


def add_actions(actions: Any) -> None:
    """Declares the actions and their arguments."""
    for action, option, summary, other in (
        ("rename", "--to", "bill a workspace under another name", "the name on invoices"),
        ("merge", "--into", "bill a workspace as part of another", "the workspace that it joins"),
    ):
        add = actions.add_parser(action, help=summary).add_argument
        add("--workspace", required=True, type=argument.name, help="the name that is recorded")
        add(option, dest="renamed_to", required=True, type=argument.name, help=other)
        add(
            "--from",
            dest="since",
            type=argument.month,
            metavar="MONTH",
            help="the first month, such as 2026-11 (default: all that are not closed)",
        )
        add("--reason", required=True, help="why, for the audit")
        add(
            "--by",
            metavar="NAME",
            help="who does it, for the audit (default: the user and the host)",
        )


def run(arguments: argparse.Namespace) -> int:
    """Renames or merges, and says from when on."""
    _check(arguments)
    asked = Change(
        arguments.workspace,
        arguments.renamed_to,
        arguments.since,
        arguments.reason,
        arguments.by or f"{getpass.getuser()}@{socket.gethostname()}",
        is_merge=arguments.action == "merge",
    )
    with store.open_store(arguments.dsn, existing=True) as client:
        rename, is_new, zone = change.apply(client, asked)
        unknown = [
            name
            for name in dict.fromkeys((rename.workspace, rename.renamed_to))
            if (asked.is_merge or name == rename.workspace) and not change.is_known(client, name)
        ]
        found = levels.still_open(client, rename.workspace)
    told = [*_told(rename, is_new=is_new), *_zone_again(zone), *_open_levels(rename, found)]
    told += [f"no event of {name!r} has ever arrived: check the name" for name in unknown]
    sys.stdout.write("".join(f"{printable(line)}\n" for line in told))
    return 0


def row(rename: Rename) -> dict[str, Any]:
    """Returns a rename by the names of COLUMNS."""
    values = (
        *(rename.workspace, month(rename), rename.renamed_to),
        *(rename.reason, rename.by, rename.at),
    )
    return dict(zip(COLUMNS, values, strict=True))


def month(rename: Rename) -> str:
    """Returns the first month of a rename; empty if it is of all months."""
    return "" if rename.since <= BEGINNING else f"{rename.since:%Y-%m}"


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.reason.strip():
        raise UsageError("--reason must not be blank")
    if not (arguments.workspace.strip() and arguments.renamed_to.strip()):
        raise UsageError("a workspace must not be blank")
    if arguments.since and not FIRST_YEAR <= arguments.since.year <= LAST_YEAR:
        raise UsageError(f"--from {arguments.since:%Y-%m} is not a month that events can be in")


def _told(rename: Rename, *, is_new: bool) -> Iterator[str]:
    since = in_words(rename.since)
    if rename.workspace == rename.renamed_to:
        yield f"{rename.workspace}: billed under its own name {since}"
    else:
        yield f"{rename.workspace}: billed as {rename.renamed_to} {since}"
    if not is_new:
        yield f"was so already, by {rename.by}: {rename.reason}"


def _zone_again(zone: str | None) -> Iterator[str]:
    if zone is not None:
        yield (
            f"its days are cut in {zone} again, as before it was renamed: "
            "`usage-sink workspace set` gives it another time zone"
        )


def _open_levels(rename: Rename, found: OpenLevels | None) -> Iterator[str]:
    if found is not None and rename.workspace != rename.renamed_to:
        yield (
            f"{found.number} levels of {rename.workspace!r} are not 0, such as {found.product}."
            f"{found.metric_type} of {found.series!r}: each is billed until 0 is recorded under "
            f"{rename.workspace!r}, which a service is to do before it sends {rename.renamed_to!r}"
        )

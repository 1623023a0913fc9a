"""Set and show the time zones of workspaces, rename and merge them.

The days and months of a workspace begin in its time zone, or in that of the catalog. `set` gives it
another from a month on: the month before still ends in the old zone, and at that instant the first
month in the new zone begins. Earlier months stay as they are. The same month again replaces what
was set for it. A month that is closed, or lies before one that is, cannot be changed.

`rename` and `merge` bill a workspace under another name from a month on, or in all that are not
closed, whatever name its services go on sending. Nothing that is stored changes: usage, invoices,
closes and the API have the one name, and closed months stay as they were billed. `rename` refuses a
name that has usage of its own; `merge` bills both together. With its own name as the other,
`rename` gives a workspace its own name again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from typing import Any

from infra.sink import arguments as argument
from infra.sink import dsn, output, store
from infra.sink._generated.fields import ACCOUNT, CURRENCY, FIRST_YEAR, LAST_YEAR, TIME_ZONE
from infra.sink.errors import UsageError
from infra.sink.renames import command as renaming
from infra.sink.renames import ledger as renames
from infra.sink.renames.names import Rename
from infra.sink.text import printable
from infra.sink.zones import offsets, workspaces
from infra.sink.zones.calendar import Period

_COLUMNS = (ACCOUNT, "first_month", "time_zone", "starts_at")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="set | show | rename | merge"
    )
    add = actions.add_parser("set", help="give a workspace a time zone").add_argument
    add("--workspace", required=True, help="the workspace")
    add("--zone", required=True, help="a time zone of the IANA database, such as Europe/Paris")
    add(
        "--from",
        dest="first_month",
        required=True,
        type=argument.month,
        metavar="MONTH",
        help="the first month in this zone, such as 2026-11",
    )
    add = actions.add_parser("show", help="show the time zones of workspaces").add_argument
    add("--workspace", help="show this workspace only")
    add(
        "--format",
        choices=("table", "json"),
        default="table",
        help="print in this format (default: %(default)s)",
    )
    renaming.add_actions(actions)
    for action in actions.choices.values():
        dsn.add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the actions."""
    if arguments.action in renaming.ACTIONS:
        return renaming.run(arguments)
    return _set(arguments) if arguments.action == "set" else _show(arguments)


def _set(arguments: argparse.Namespace) -> int:
    workspace, zone, month = arguments.workspace, arguments.zone, arguments.first_month
    _check(workspace, zone, month)
    with store.open_store(arguments.dsn, existing=True) as client:
        period = workspaces.change(client, workspace, zone, month)
    sys.stdout.write(
        f"{printable(workspace)}: {zone} from {month:%Y-%m} on, which begins at "
        f"{output.text(period.starts_at)}\n"
    )
    return 0


def _check(workspace: str, zone: str, month: date) -> None:
    if not workspace.strip():
        raise UsageError("--workspace must not be blank")
    names = offsets.names()
    if zone not in names:
        near = get_close_matches(zone, names, 1)
        hint = f"did you mean {near[0]}?" if near else "use one such as Europe/Paris"
        raise UsageError(f"no time zone {zone!r}: {hint}")
    if not FIRST_YEAR <= month.year <= LAST_YEAR:
        raise UsageError(f"--from {month:%Y-%m} is not a month that events can be in")


def _show(arguments: argparse.Namespace) -> int:
    with store.open_store(arguments.dsn, existing=True) as client:
        found = workspaces.periods(client, arguments.workspace and [arguments.workspace])
        renamed = _renamed(renames.read(client), arguments.workspace)
    rows = list(map(_row, found))
    if arguments.format == "json":
        default = {"time_zone": TIME_ZONE, "currency": CURRENCY or None}
        output.write_json({"default": default, "workspaces": rows, "renames": renamed})
        return 0
    if rows:
        sys.stdout.write(output.table(rows, _COLUMNS) + "\n")
    if renamed:
        sys.stdout.write(output.table(renamed, renaming.COLUMNS) + "\n")
    sys.stdout.write("".join(f"{line}\n" for line in _last_lines(arguments.workspace)))
    return 0


def _renamed(found: list[Rename], workspace: str | None) -> list[dict[str, Any]]:
    """Returns the renames from or to a workspace, or all."""
    return [
        renaming.row(each) for each in found if workspace in {None, each.workspace, each.renamed_to}
    ]


def _row(period: Period) -> dict[str, Any]:
    month = f"{period.first_month:%Y-%m}"
    values = (period.workspace, month, period.time_zone, period.starts_at)
    return dict(zip(_COLUMNS, values, strict=True))


def _last_lines(workspace: str | None) -> Iterator[str]:
    whose = "before, and of others" if workspace is None else "otherwise"
    yield f"{whose}: {TIME_ZONE}, as the catalog says"
    if CURRENCY:
        yield f"currency: {CURRENCY}"

"""Print the invoice lines of a workspace for a month.

Billable and non-billable usage of a metric type are separate lines. An event counts once, in the
month (UTC) in which it occurred, and a session in the month in which it started. Events that were
taken back do not count. Quantities and costs are exact.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from infra.sink import dsn, output, store
from infra.sink._generated.fields import BILLABLE
from infra.sink.usage.answer import ask
from infra.sink.usage.query import Query

_AGGREGATION, _UNDECLARED, _OPEN = "aggregation", "undeclared", "open_sessions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    parser.add_argument("--workspace", required=True, help="print the usage of this workspace")
    parser.add_argument(
        "--month", required=True, type=_month, help="print this month, such as 2026-03, in UTC"
    )
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="print in this format (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines; table and JSON also have their total."""
    query = Query(arguments.workspace, arguments.month)
    with store.open_store(arguments.dsn, existing=True) as client:
        answer = ask(client, query)
    rows, total, columns = answer.rows, answer.cost, answer.columns
    if arguments.format == "csv":
        output.write_csv(rows, columns)
    elif arguments.format == "json":
        output.write_json(
            {
                "workspace": arguments.workspace,
                "month": f"{arguments.month:%Y-%m}",
                "cost": total,
                "lines": rows,
            }
        )
    elif rows:
        sys.stdout.write(output.table(rows, columns))
        sys.stdout.write(_last_line(rows, total))
        sys.stdout.write(_left_out(rows))
    elif answer.latest:
        sys.stdout.write(
            f"no usage for {arguments.workspace!r} in {arguments.month:%Y-%m}; "
            f"the latest is in {answer.latest:%Y-%m}\n"
        )
    else:
        sys.stdout.write(f"no usage for {arguments.workspace!r} in any month: check the name\n")
    return 0


def _month(value: str) -> date:
    try:
        return datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a month such as 2026-03, got {value!r}"
        ) from None


def _left_out(rows: list[dict[str, Any]]) -> str:
    """Names what the sums lack."""
    undeclared = sum(row["events"] for row in rows if row[_AGGREGATION] == _UNDECLARED)
    open_sessions = sum(row.get(_OPEN, 0) for row in rows)
    lines = []
    if undeclared:
        lines.append(
            f"not summed: {undeclared} events of metric types that the store's catalog lacks; run "
            "`usage-sink migrate` of a version that has them\n"
        )
    if open_sessions:
        lines.append(f"not charged yet: {open_sessions} open sessions\n")
    return "".join(lines)


def _last_line(rows: list[dict[str, Any]], total: Decimal | None) -> str:
    if total is None:
        return "\nno billable event has a unit cost\n"
    unpriced = sum(
        row["unpriced"] for row in rows if row[BILLABLE] and row[_AGGREGATION] != _UNDECLARED
    )
    rest = f"; {unpriced} billable events have no unit cost" if unpriced else ""
    return f"\ncost of billable usage: {output.text(total)}{rest}\n"

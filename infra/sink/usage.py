"""Prints what the invoice of a workspace says for a month.

Each metric type has a line for what is charged and one for what is not. An event counts once, in
the month in UTC that it occurred in. Quantities and costs are exact.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import output, store
from infra.sink._generated.fields import (
    ACCOUNT,
    BILLABLE,
    DATABASE,
    METRIC_TYPE,
    PRODUCT,
    USAGE_BY_MONTH,
)

_QUERY = f"""\
SELECT * EXCEPT ({ACCOUNT}, month)
FROM {DATABASE}.{USAGE_BY_MONTH}
WHERE {ACCOUNT} = {{account:String}} AND month = {{month:Date}}
ORDER BY {PRODUCT}, {METRIC_TYPE}, {BILLABLE} DESC"""
_LATEST = f"""\
SELECT DISTINCT month FROM {DATABASE}.{USAGE_BY_MONTH}
WHERE {ACCOUNT} = {{account:String}} ORDER BY month DESC LIMIT 1"""
_COST = "cost"
# As many digits as the widest column of the store has.
_EXACT = Context(prec=76)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    store.add_arguments(parser)
    parser.add_argument("--workspace", required=True, help="whose usage")
    parser.add_argument("--month", required=True, type=_month, help="such as 2026-03, in UTC")
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="(default: table)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines, and for people and programs what they add up to."""
    asked = {"account": arguments.workspace, "month": arguments.month}
    with store.open_store(arguments.dsn, existing=True) as client:
        try:
            # Of a result without rows, chDB does not name the columns.
            columns = [row[0] for row in client.query(f"DESCRIBE ({_QUERY})", asked).result_rows]
            rows = list(client.query(_QUERY, asked).named_results())
            latest = [] if rows else client.query(_LATEST, asked).result_rows
        except ClickHouseError as failure:
            raise store.failed(failure) from None
    charged = _total(rows)
    if arguments.format == "csv":
        output.write_csv(rows, columns)
    elif arguments.format == "json":
        output.write_json(
            {
                "workspace": arguments.workspace,
                "month": f"{arguments.month:%Y-%m}",
                "cost": charged,
                "lines": rows,
            }
        )
    elif rows:
        sys.stdout.write(output.table(rows, columns))
        sys.stdout.write(_last_line(rows, charged))
    elif latest:
        sys.stdout.write(
            f"no usage of {arguments.workspace!r} in {arguments.month:%Y-%m}; "
            f"the latest is of {latest[0][0]:%Y-%m}\n"
        )
    else:
        sys.stdout.write(f"no usage of {arguments.workspace!r} in any month: is the name right?\n")
    return 0


def _month(value: str) -> date:
    try:
        return datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is no month such as 2026-03") from None


def _total(rows: list[dict[str, Any]]) -> Decimal | None:
    """What the charged lines cost; None where none says a cost."""
    costs = [row[_COST] for row in rows if row[BILLABLE] and row.get(_COST) is not None]
    if not costs:
        return None
    total = Decimal(0)
    for cost in costs:
        total = _EXACT.add(total, cost)
    return total


def _last_line(rows: list[dict[str, Any]], charged: Decimal | None) -> str:
    if charged is None:
        return "\nno event says a cost\n"
    unpriced = sum(row["unpriced"] for row in rows if row[BILLABLE])
    rest = f"; {unpriced} charged events say no cost" if unpriced else ""
    return f"\ncost of what is charged: {output.text(charged)}{rest}\n"

"""Show what has changed in a closed month, as lines for the next invoice with their events.

Usage now minus what closes hold, event by event, with the reason: late, voided, restored, session,
release, zone, level, conflict or removed. A line is the difference of the whole line, whatever its
aggregation. Nothing is stored: the next close of a later month takes these lines in, after which
nothing is left to adjust.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, output, store
from infra.sink._generated.fields import ACCOUNT, BILLABLE, ID, METRIC_TYPE, PRODUCT
from infra.sink.arguments import limit, month
from infra.sink.closing import changes, ledger
from infra.sink.closing.make import SETTINGS
from infra.sink.closing.printing import ADJUSTMENT, total
from infra.sink.errors import SinkError
from infra.sink.renames import ledger as renames
from infra.sink.renames.billed import Billed

_ORDER = f"ORDER BY {ACCOUNT}, {PRODUCT}, {METRIC_TYPE}, {BILLABLE} DESC"
_LINE_COLUMNS = (
    *(ACCOUNT, PRODUCT, METRIC_TYPE, BILLABLE, "title", "unit", "unit_title", "aggregation"),
    *("events", "open_sessions", "quantity", "unpriced", "cost"),
)
_EVENT_COLUMNS = (
    *(ACCOUNT, PRODUCT, METRIC_TYPE, ID, BILLABLE, "reason", "because", "counted"),
    *("exact_quantity", "exact_cost"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    add = parser.add_argument
    add("--month", type=month, required=True, help="compare this month, such as 2026-03")
    add(
        "--workspace",
        action="append",
        default=[],
        help="only of this workspace; may be repeated",
    )
    add(
        "--limit",
        type=limit,
        default=1000,
        help="list at most this many events; all are counted (default: %(default)s)",
    )
    add(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="print in this format; CSV has the lines only (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines, and the events."""
    scope = tuple(arguments.workspace)
    parameters: dict[str, Any] = {
        "month": arguments.month,
        "scope": arguments.workspace,
        "limit": arguments.limit,
    }
    with store.open_store(arguments.dsn, existing=True) as client:
        names = renames.names(client)
        names.require_billed(scope, arguments.month)
        billed = Billed.of(names, scope or None)
        parameters |= billed.parameters
        where = changes.closed_month(scope, billed)
        changed = changes.changed_events(where)

        def rows(query: str) -> list[dict[str, Any]]:
            return list(client.query(query, parameters, settings=dict(SETTINGS)).named_results())

        try:
            _require_closed(ledger.read(client), arguments)
            lines = rows(f"SELECT * FROM ({changes.changed_lines(where, billed)}) {_ORDER}")
            events = rows(
                f"SELECT {', '.join(_EVENT_COLUMNS)} FROM ({changed}) {_ORDER}, {ID} "
                "LIMIT {limit:UInt64}"
            )
            counts = rows(
                f"SELECT reason, count() AS events FROM ({changed}) GROUP BY reason ORDER BY reason"
            )
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
    reasons = {row["reason"]: row["events"] for row in counts}
    cost = total(row | {"kind": ADJUSTMENT} for row in lines)
    if arguments.format == "csv":
        output.write_csv(lines, _LINE_COLUMNS)
    elif arguments.format == "json":
        output.write_json(
            {
                "month": f"{arguments.month:%Y-%m}",
                "cost": cost,
                "lines": lines,
                "reasons": reasons,
                "events": events,
            }
        )
    elif reasons or lines:
        if events:
            sys.stdout.write(f"{output.table(events, _EVENT_COLUMNS)}\n")
        if lines:
            sys.stdout.write(f"{output.table(lines, _LINE_COLUMNS)}\n")
        counted = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        sys.stdout.write(f"{counted}; cost of billable usage: {output.text(cost) or '0'}\n")
    else:
        sys.stdout.write("nothing has changed since it was closed\n")
    return 0


def _require_closed(closes: list[ledger.Close], arguments: argparse.Namespace) -> None:
    made = ledger.of_month(closes, arguments.month)
    left = ledger.remaining(closes, arguments.month, arguments.workspace)
    if not made or (arguments.workspace and left is not None):
        names = ", ".join(left or ()) or "any workspace"
        raise SinkError(
            f"{arguments.month:%Y-%m} is not closed for {names}; `usage-sink usage` shows it"
        )

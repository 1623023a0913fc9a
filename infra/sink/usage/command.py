"""Print what workspaces used in a period, and what it costs.

A line is of one workspace, metric type and environment; billable and other usage are separate
lines. Of a month, they are the lines of its invoice. An event counts once, and a session as one
event at its start; what was taken back does not count. Quantities and costs are exact.

Days and months are those of the workspace's time zone, also where --from and --to are dates (see
`usage-sink workspace --help`). A period begins with --from and ends before --to. The time zone, the
instants at which the period begins and ends there, and the currency are in the last lines.

--group-by splits lines by the fields of events and by keys of their metadata; events without one
are together in a line where it is empty. A number or a boolean in metadata is shown as JSON has it.
A key with a comma is quoted: --group-by 'model,"metadata.a,b"'. --where leaves events out; several
values of one name are alternatives, and an empty one finds the events that lack it.

--as-of shows usage as it was at a time: without the rows that arrived later, in the catalog and the
time zones of now. A session was open unless it had ended then. What was erased since is not there,
and after a restore from a backup everything arrived anew: what was billed is in `close --show`.

Data is complete up to the time in the last line, as far as the numbers of events show: see
`usage-sink reconcile --help`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink import arguments as argument
from infra.sink import dsn, output, store
from infra.sink._generated.fields import CURRENCY
from infra.sink.errors import SinkError, UsageError
from infra.sink.renames import ledger as renames
from infra.sink.renames.names import Names, in_words
from infra.sink.text import printable
from infra.sink.usage import asked
from infra.sink.usage.answer import Answer, ask, latest_month
from infra.sink.usage.query import (
    DIMENSIONS,
    METADATA,
    WINDOWS,
    Dimension,
    Period,
    Query,
)
from infra.sink.usage.sql import SPILL_BEYOND, spill_beyond

_AGGREGATION, _UNDECLARED, _OPEN = "aggregation", "undeclared", "open_sessions"
_WITHOUT_VALUE, _OVER_TIME = "without_value", "time_weighted"
_MOST_SPANS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    add = parser.add_argument
    asked.add_workspaces(parser)
    add("--month", type=argument.month, help="print this month, such as 2026-03")
    asked.add_bounds(parser, "a date such as 2026-03-01, or a time such as 2026-03-01T06:00:00Z")
    add("--window", choices=WINDOWS, help="split lines by the hour, day or month")
    add(
        "--group-by",
        action="append",
        default=[],
        metavar="NAMES",
        help=f"split lines by these, separated by commas: {', '.join(DIMENSIONS)}"
        + (f", {METADATA}.KEY" if METADATA else ""),
    )
    asked.add_filters(parser)
    add(
        "--as-of",
        type=argument.time,
        metavar="TIME",
        help="only what had arrived by this time, such as 2026-04-02T09:00:00Z",
    )
    billable = parser.add_mutually_exclusive_group()
    billable.add_argument(
        "--billable", action="store_true", default=None, help="only billable usage"
    )
    billable.add_argument(
        "--not-billable", action="store_false", dest="billable", help="only other usage"
    )
    add(
        "--limit",
        type=argument.limit,
        default=10_000,
        help="fail if there are more lines than this (default: %(default)s)",
    )
    add(
        "--raw",
        action="store_true",
        help="read the events only, not the roll-ups; the lines are the same",
    )
    add(
        "--memory",
        type=argument.positive(int),
        metavar="MIB",
        help="group and sort at most this much in memory, and the rest on disk (default: "
        f"{SPILL_BEYOND >> 20})",
    )
    asked.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines; table and JSON also have their total."""
    query = _query(arguments)
    with store.open_store(arguments.dsn, existing=True) as client:
        if arguments.memory is not None:
            spill_beyond(client, arguments.memory)
        answer = ask(client, query, raw=arguments.raw)
        if answer.has_more:
            raise SinkError(
                f"there are more than {query.limit:,} lines: raise --limit, shorten the period, or "
                "name workspaces"
            )
        if arguments.format == "csv":
            output.write_csv(answer.rows, answer.columns)
        elif arguments.format == "json":
            output.write_json(answer.document())
        elif answer.rows:
            sys.stdout.write(output.table(answer.rows, answer.columns))
            sys.stdout.write(_last_lines(answer))
        else:
            sys.stdout.write(_nothing(client, answer))
    return 0


def _query(arguments: argparse.Namespace) -> Query:
    """Returns what the arguments ask.

    Raises:
        UsageError: it has no answer.
    """
    return Query(
        workspaces=asked.workspaces(arguments),
        period=_period(arguments),
        window=arguments.window,
        group_by=tuple(
            Dimension.parse(name)
            for names in arguments.group_by
            for name in next(csv.reader([names])) or [""]
        ),
        where=asked.filters(arguments),
        billable=arguments.billable,
        as_of=arguments.as_of,
        limit=arguments.limit,
    )


def _period(arguments: argparse.Namespace) -> Period:
    if arguments.month is not None:
        if arguments.start is not None or arguments.end is not None:
            raise UsageError("--month is a period: pass either it or --from and --to")
        return Period.month(arguments.month)
    if arguments.start is None:
        raise UsageError("no period: pass --month, or --from and --to")
    return Period(arguments.start, arguments.end or datetime.now(UTC))


def _nothing(client: Client, answer: Answer) -> str:
    """Says that there are no lines, and where there are some."""
    query = answer.query
    period = _in_words(query.period)
    workspaces = query.workspaces or ()
    if len(workspaces) != 1 or query.where:
        return f"no such usage {period}\n{_complete(answer)}"
    workspace = workspaces[0]
    named = _other_name(renames.names(client), workspace, answer)
    if named:
        return f"no usage for {workspace!r} {period}: {named}\n"
    latest = latest_month(client, workspace)
    if latest is None:
        return f"no usage for {workspace!r} in any month: check the name\n"
    return f"no usage for {workspace!r} {period}; the latest is in {latest:%Y-%m}\n"


def _other_name(names: Names, workspace: str, answer: Answer) -> str:
    """Says under which name a workspace is billed in a period; empty if it is its own."""
    for month, billed in reversed(names.changes(workspace)):
        if billed != workspace and any(span.end.date() >= month for span in answer.spans):
            return f"it is billed as {billed!r} {in_words(month)}"
    return ""


def _in_words(period: Period) -> str:
    if not isinstance(period.start, datetime) and period == Period.month(period.start):
        return f"in {period.start:%Y-%m}"
    return f"from {period.start.isoformat()} to {period.end.isoformat()}"


def _last_lines(answer: Answer) -> str:
    """Says when the period was, what it costs, what that lacks, and up to when it is complete."""
    rows = answer.rows
    parts = (_spans(answer), _cost(answer), _left_out(rows), _running(answer), _complete(answer))
    return "\n" + "".join(parts)


def _spans(answer: Answer) -> str:
    lines = [
        f"{each.time_zone}: from {output.text(each.start)} to {output.text(each.end)}\n"
        for each in answer.spans
    ]
    more = len(lines) - _MOST_SPANS
    return "".join(lines[:_MOST_SPANS]) + (
        f"and {more} more, as JSON has them\n" if more > 0 else ""
    )


def _cost(answer: Answer) -> str:
    if not answer.adds_up:
        return "no total: a part of usage that is not summed has a cost of its own\n"
    if answer.cost is None:
        return "no billable event has a unit cost\n"
    unpriced = sum(row["unpriced"] for row in answer.billed if row[_AGGREGATION] != _UNDECLARED)
    rest = f"; {unpriced} billable events have no unit cost" if unpriced else ""
    cost = f"{output.text(answer.cost)} {CURRENCY}".rstrip()
    return f"cost of billable usage: {cost}{rest}\n"


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
    without_value = sum(row[_WITHOUT_VALUE] for row in rows)
    if without_value:
        lines.append(
            f"not counted: {without_value} events without the value that their metric type counts "
            "or tells levels apart by\n"
        )
    return "".join(lines)


def _running(answer: Answer) -> str:
    """Says that levels go on, if the period is not over."""
    now = answer.query.as_of or answer.made_at
    is_over = all(span.end <= now for span in answer.spans)
    if is_over or all(row[_AGGREGATION] != _OVER_TIME for row in answer.rows):
        return ""
    return f"not over: levels over time count up to {output.text(now)}\n"


def _complete(answer: Answer) -> str:
    if answer.query.as_of is not None:
        return f"as of {output.text(answer.query.as_of)}: what arrived later is left out\n"
    until, reason = answer.complete.until, printable(answer.complete.reason)
    if until is None:
        return f"it is not known up to when it is complete: {reason}\n"
    return f"complete up to {output.text(until)}: {reason}\n"

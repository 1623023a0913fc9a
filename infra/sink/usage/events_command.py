"""List events, each once, as it came, with what became of it.

Events that are taken back, those that take others back, and the boundaries of sessions are among
them: `voided_by` names the void of an event that does not count, and `effective_cost` is what it
costs in the end. They are ordered by the time at which they occurred.

Where the list is cut, it ends with a cursor: --after continues there, also when more events have
arrived. In a table, columns without any value are left out.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from typing import Any

from infra.sink import arguments as argument
from infra.sink import dsn, output, store
from infra.sink.usage import asked
from infra.sink.usage.events import COLUMNS, MOST_EVENTS, Cursor, EventQuery, list_events
from infra.sink.usage.query import Bound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    asked.add_workspaces(parser)
    asked.add_bounds(parser, "a time such as 2026-03-01T06:00:00Z, or a date, in UTC")
    parser.add_argument("--event", metavar="ID", help="only events with this id")
    asked.add_filters(parser)
    parser.add_argument("--newest-first", action="store_true", help="begin with the newest")
    parser.add_argument(
        "--limit",
        type=argument.limit,
        default=100,
        help=f"list at most this many, up to {MOST_EVENTS:,} (default: %(default)s)",
    )
    parser.add_argument("--after", metavar="CURSOR", help="continue a list")
    asked.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a page of events."""
    query = EventQuery(
        workspaces=asked.workspaces(arguments),
        start=_instant(arguments.start),
        end=_instant(arguments.end),
        event=arguments.event,
        where=asked.filters(arguments),
        newest_first=arguments.newest_first,
        limit=arguments.limit,
        after=None if arguments.after is None else Cursor.parse(arguments.after),
    )
    with store.open_store(arguments.dsn, existing=True) as client:
        page = list_events(client, query)
    following = None if page.next is None else str(page.next)
    if arguments.format == "json":
        output.write_json({"events": page.rows, "next": following})
        return 0
    if arguments.format == "csv":
        output.write_csv(page.rows, COLUMNS)
    elif page.rows:
        sys.stdout.write(output.table(page.rows, _told(page.rows)))
    else:
        sys.stdout.write("no such events\n")
    if following is not None:
        sys.stderr.write(f"there are more events: continue with --after {following}\n")
    return 0


def _told(rows: list[dict[str, Any]]) -> list[str]:
    return [name for name in COLUMNS if any(output.text(row[name]) for row in rows)]


def _instant(bound: Bound | None) -> datetime | None:
    if isinstance(bound, date) and not isinstance(bound, datetime):
        return datetime(bound.year, bound.month, bound.day, tzinfo=UTC)
    return bound

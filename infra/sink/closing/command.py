"""Close a month: keep what is billed for it, once and permanently, and print it.

A second call prints what the first one kept, whatever has changed since, and so does each of two
calls at once. Without --workspace the month is closed for all, but for those for whom it is closed
already. What has changed in months that were closed before becomes lines of this close, of the kind
`adjustment`, and is billed with it; `usage-sink adjustments` shows it before.

Refused with exit status 1, and with what is missing, while the month is not over, a session is
open, `reconcile` is not clean, or not everything up to the end of the month has arrived; --despite
closes all the same, and the close keeps the reason and what was missing. With --brokers, sinks that
have no lag tell that everything has arrived; without, the next month must have begun to arrive.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, date, datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, kafka, output, store
from infra.sink._generated.fields import CURRENCY, TIME_ZONE
from infra.sink.arguments import month
from infra.sink.closing import checks, ledger, printing
from infra.sink.closing.make import Terms, make, verify
from infra.sink.errors import SinkError, UnavailableError, UsageError
from infra.sink.lag import Lag
from infra.sink.text import printable

_SECONDS = 20
_PAUSE = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    kafka.add_arguments(parser)
    add = parser.add_argument
    add("--month", type=month, help="close this month, such as 2026-03")
    add(
        "--workspace",
        action="append",
        default=[],
        help="close it for this workspace only; may be repeated",
    )
    add("--despite", metavar="REASON", help="close although something is missing, for this reason")
    add("--group", default="usage-sink", help="the sinks' consumer group (default: %(default)s)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list all closes")
    what.add_argument("--show", action="store_true", help="print the close of a month, or fail")
    add(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="print in this format (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Closes the month unless it is closed, and prints what the close holds."""
    month: date | None = arguments.month
    if month is None and not arguments.list:
        raise UsageError("the following argument is required: --month")
    if arguments.despite is not None and not arguments.despite.strip():
        raise UsageError("--despite must not be blank")
    with store.open_store(arguments.dsn, existing=True) as client:
        try:
            closes = ledger.read(client)
            if month is None or arguments.list:
                printing.write_closes(_listed(closes, arguments), arguments.format)
                return 0
            if ledger.remaining(closes, month, arguments.workspace) is not None:
                closes = _close(client, closes, arguments)
            else:
                closes = ledger.covering(closes, month, arguments.workspace)
            _print(client, closes, arguments)
        except ClickHouseError as failure:
            raise store.query_error(failure) from None
    return 0


def _listed(closes: list[ledger.Close], arguments: argparse.Namespace) -> list[ledger.Close]:
    if arguments.month is not None:
        closes = ledger.of_month(closes, arguments.month)
    return [
        close
        for close in closes
        if not arguments.workspace
        or not close.scope
        or not set(arguments.workspace).isdisjoint(close.scope)
    ]


def _close(
    client: Client, closes: list[ledger.Close], arguments: argparse.Namespace
) -> list[ledger.Close]:
    scope = ledger.remaining(closes, arguments.month, arguments.workspace) or ()
    name = f"{arguments.month:%Y-%m}"
    if arguments.show:
        raise SinkError(f"{name} is not closed for {', '.join(scope) or 'all workspaces'}")
    caught_up_at = None
    if arguments.brokers is not None:
        caught_up_at = _caught_up_at(arguments)
    missing = checks.missing(client, arguments.month, scope, caught_up_at)
    if missing and arguments.despite is None:
        for each in missing:
            sys.stderr.write(f"missing: {printable(each)}\n")
        raise SinkError(f'{name} is not closed; see above, or close it --despite "REASON"')
    despite = arguments.despite if missing else ""
    terms = Terms(TIME_ZONE, CURRENCY, despite, tuple(missing))
    return make(client, arguments.month, arguments.workspace, terms)


def _print(client: Client, closes: list[ledger.Close], arguments: argparse.Namespace) -> None:
    for close in closes:
        verify(client, close)
    rows = printing.lines(client, closes, arguments.month, arguments.workspace)
    if arguments.format == "csv":
        output.write_csv(rows, printing.COLUMNS)
    elif arguments.format == "json":
        printing.write_json(closes, rows)
    else:
        printing.write_tables(closes, rows)


def _caught_up_at(arguments: argparse.Namespace) -> datetime | None:
    """Returns the time at which the sinks had no lag, or None if they have one."""
    begun = datetime.now(UTC)
    lag = Lag(kafka.connection(arguments.brokers), arguments.group)
    try:
        deadline = time.monotonic() + _SECONDS
        while (messages := lag.measure({})) is None:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Kafka does not tell the lag of group {arguments.group!r} within {_SECONDS} s:"
                    " check --brokers and that the topic exists"
                )
            time.sleep(_PAUSE)
    finally:
        lag.close()
    return None if messages else begun

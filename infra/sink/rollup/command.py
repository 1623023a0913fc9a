"""Compute the roll-ups of days that were touched since the last refresh.

`usage-sink usage` reads them where they answer, and what is not computed yet from the events. A
day of a workspace's metric type is touched by an event that arrives for it, however late, by what
takes such an event back, by a session that starts on it and ends or times out, by a change of the
catalog, and by one of a workspace's time zone. It is computed again from the events, never added
to. So it does no harm if this command is killed, is run twice, or runs while a sink refreshes, as
`usage-sink run --rollup-seconds` does.
"""

from __future__ import annotations

import argparse
import sys

from infra.sink import dsn, output, store
from infra.sink.rollup import sql
from infra.sink.rollup.refresh import Refresh
from infra.sink.usage.sql import Statement, fetch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    dsn.add_arguments(parser)
    parser.add_argument(
        "--every",
        action="store_true",
        help="compute all days, not only those that were touched; do so after rows were changed or "
        "removed by hand",
    )


def run(arguments: argparse.Namespace) -> int:
    """Computes all that is pending."""
    with store.open_store(arguments.dsn, existing=True) as client:
        done = Refresh(client).run(every=arguments.every)
        [[days, events]] = fetch(client, Statement(sql.SIZE, {}, ()))
    ratio = f" (1 : {events / days:.1f})" if days else ""
    sys.stdout.write(
        f"{done.days:,} days of metric types computed; complete as of {output.text(done.as_of)}\n"
        f"{days:,} days hold {events:,} events{ratio}\n"
    )
    return 0

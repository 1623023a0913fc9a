"""Prove that every event that services accepted is in the store, and find what bills strangely.

A client numbers the events that it accepts 1, 2, 3 … without gaps, so a number that is not in the
store belongs to an event that is lost or still in transit: run this command when the sink has no
lag.

The window selects events by the time at which they were accepted. A client with an event in it is
read from its first number on, so that earlier events are not reported as missing. A gap counts if
it may lie in the window, that is, between the event before it and the event after it.

A gap shows only if a later event of the same client arrived. The last events of a client that
stopped, and a client without any event in the store, do not show: `on_error` of the service reports
what it could not deliver, and its `stats()` how many events it accepted. A killed process without a
spool reports neither.

Copies are events that arrived more than once; usage counts them once. Late events arrived long
after they occurred; an invoice made in between lacks them. Erased events are in the store no more,
on purpose: `usage-sink erase` says why.

Expired messages were removed from Kafka by the topic's retention before a sink stored them, and the
sink noted it since the window began. Their events are missing wherever a client's numbers show it.

Conflicts are copies of one event that bill differently, by another quantity, cost or day; the first
to arrive counts. Skewed are events that say a time far from that of their arrival in the window,
whose usage may be in no month that anybody looks at. Sessions are those that do not count: that end
before they start, have no start, or no unit of time.

`reconcile explain --help` tells how to write down what is known. Clean means that all is explained.

Exit status: 0 clean, 1 missing, 2 failure or usage error, 3 expired, 4 conflict, 5 skewed,
6 session. Where several are found it is the first of these; --only WORD tells only that.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, explain, output, store
from infra.sink._generated.fields import INGESTED, INSTANCE, NUMBER, TIME
from infra.sink.arguments import limit, time
from infra.sink.errors import UsageError
from infra.sink.findings import ERASED, KINDS, PAIRS

_CLIENTS = f"""
    SELECT
        {INSTANCE},
        max({NUMBER}) AS accepted,
        sumIf({NUMBER} - _before - 1, _gap) AS missing,
        countIf(_inside AND _copy) AS copies,
        countIf(_inside AND NOT _copy AND {INGESTED} - {TIME} > {{late:UInt64}}) AS late,
        countIf(_inside AND NOT _copy AND {ERASED}) AS erased
    FROM {PAIRS}
    GROUP BY {INSTANCE}"""
_TOTALS = f"""\
SELECT
    count() AS clients,
    sum(accepted) AS accepted,
    sum(missing) AS missing,
    sum(copies) AS copies,
    sum(late) AS late,
    sum(erased) AS erased
FROM ({_CLIENTS})"""
_FINDINGS = f"""{_CLIENTS}
HAVING missing + copies + late + erased > 0
ORDER BY missing DESC, copies DESC, late DESC, {INSTANCE}
LIMIT {{limit:UInt64}}"""
# Large sorts spill to disk, so that a laptop can reconcile what a server holds.
_SETTINGS = {
    "max_bytes_before_external_sort": 1 << 30,
    "max_bytes_before_external_group_by": 1 << 30,
}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
# The names of the lists of findings; in the document they are keys.
_LISTS = {"missing": "gaps", "conflict": "conflicts", "session": "sessions"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.set_defaults(failed=2)  # 1 reports missing events
    dsn.add_arguments(parser)
    actions = parser.add_subparsers(dest="action", metavar="explain")
    summary = (explain.__doc__ or "").partition("\n")[0]
    explain.add_arguments(
        actions.add_parser(
            "explain",
            help=summary,
            description=explain.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    example = "such as 2026-03-01 or 2026-03-01T06:00:00Z; UTC unless it has an offset"
    parser.add_argument("--since", type=time, help=f"begin the window here, {example}; required")
    parser.add_argument("--until", type=time, help="end the window before this time (default: now)")
    parser.add_argument(
        "--late",
        type=_duration,
        default=timedelta(hours=1),
        metavar="DURATION",
        help="count events as late this long after they occurred, such as 90s, 30m, 1h, 2d "
        "(default: 1h)",
    )
    parser.add_argument(
        "--only",
        choices=[kind.word for kind in KINDS],
        help="the exit status tells only this (default: the first that is found)",
    )
    parser.add_argument(
        "--limit",
        type=limit,
        default=1000,
        help="list at most this many clients and gaps; all are counted (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="print in this format (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the findings; returns the exit status of the first kind that is not explained."""
    if arguments.action == "explain":
        return explain.run(arguments)
    if arguments.since is None:
        raise UsageError("the following argument is required: --since")
    until = arguments.until or datetime.now(UTC)
    if arguments.since >= until:
        raise UsageError(
            f"the window is empty: --since {output.text(arguments.since)} is not before "
            f"--until {output.text(until)}"
        )
    with store.open_store(arguments.dsn, existing=True) as client:
        found = reconcile(
            client,
            arguments.since,
            until,
            late=arguments.late,
            limit=arguments.limit,
        )
    if arguments.format == "json":
        output.write_json(found)
    else:
        _print(found)
    unexplained: dict[str, int] = found["unexplained"]
    asked = (kind for kind in KINDS if arguments.only in {None, kind.word})
    return next((kind.status for kind in asked if unexplained[kind.word]), 0)


def reconcile(
    client: Client, since: datetime, until: datetime, *, late: timedelta, limit: int
) -> dict[str, Any]:
    """Returns the totals, the clients with findings, and the gaps; the store does all the work."""
    parameters = {
        "since": store.bound(since),
        "until": store.bound(until),
        "late": int(late.total_seconds()),
        "limit": limit,
    }

    def rows(query: str) -> list[dict[str, Any]]:
        try:
            return list(client.query(query, parameters, settings=_SETTINGS).named_results())
        except ClickHouseError as failure:
            raise store.query_error(failure) from None

    totals = rows(_TOTALS)[0]
    found: dict[str, Any] = {"since": since, "until": until, "totals": totals}
    unexplained, lists = {}, {}
    for kind in KINDS:
        # The totals have looked for missing numbers already, which takes the most time.
        is_known_absent = totals.get(kind.word) == 0
        count, unknown = (0, 0) if is_known_absent else rows(kind.counts)[0].values()
        totals[kind.word] = count
        unexplained[kind.word] = unknown
        lists[_LISTS.get(kind.word, kind.word)] = rows(kind.listed) if count else []
    findings = sum(totals[word] for word in ("missing", "copies", "late", "erased"))
    clients = rows(_FINDINGS) if findings else []
    return {**found, "unexplained": unexplained, "clients": clients, **lists}


def _print(found: dict[str, Any]) -> None:
    totals, unexplained = found["totals"], found["unexplained"]
    for name in ("gaps", "clients", "expired", "conflicts", "skewed", "sessions"):
        if found.get(name):
            sys.stdout.write(f"{name}\n{output.table(found[name], found[name][0])}\n")
    verdict = "INCOMPLETE" if totals["missing"] or totals["expired"] else "complete"
    words = ("missing", "copies", "late", *(("erased",) if totals["erased"] else ()))
    counts = (f"{totals[word]} {word}" for word in words)
    sys.stdout.write(
        f"{totals['clients']} clients, {totals['accepted']} events accepted: {', '.join(counts)}\n"
        f"{verdict}, as far as numbers show: they do not show lost events that no later event of "
        "the same client follows\n"
    )
    rest = ", ".join(f"{count} {word}" for word, count in unexplained.items() if count)
    sys.stdout.write(f"NOT CLEAN: {rest}, not explained\n" if rest else "clean\n")


def _duration(value: str) -> timedelta:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a duration such as 30m, got {value!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

"""Prove that every event that services accepted is in the store.

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
after they occurred; an invoice made in between lacks them.

Expired messages were removed from Kafka by the topic's retention before a sink stored them, and the
sink noted it since the window began. Their events are missing wherever a client's numbers show it.

Exit status: 0 nothing is missing, 1 events are missing or expired, 2 failure or usage error.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import dsn, output, store
from infra.sink._generated.fields import (
    ACCEPTED,
    DATABASE,
    EXPIRED,
    INGESTED,
    INSTANCE,
    NUMBER,
    RECEIPTS,
    TIME,
)
from infra.sink.arguments import limit
from infra.sink.errors import UsageError

_RECEIPTS = f"{DATABASE}.{RECEIPTS}"
_SINCE, _UNTIL = "{since:DateTime64(3, 'UTC')}", "{until:DateTime64(3, 'UTC')}"
_INSIDE = f"({ACCEPTED} >= {_SINCE} AND {ACCEPTED} < {_UNTIL})"
# Each receipt with the preceding one of the same client; number 0 precedes the first.
_PAIRS = f"""(
    SELECT
        *,
        lagInFrame({NUMBER}) OVER numbered AS _before,
        lagInFrame({ACCEPTED}) OVER numbered AS _accepted_before,
        {_INSIDE} AS _inside,
        {NUMBER} = _before AS _copy,
        {NUMBER} > _before + 1
            AND {ACCEPTED} >= {_SINCE}
            AND _accepted_before < {_UNTIL} AS _gap
    FROM {_RECEIPTS}
    WHERE {INSTANCE} IN (SELECT {INSTANCE} FROM {_RECEIPTS} WHERE {_INSIDE})
    WINDOW numbered AS (
        PARTITION BY {INSTANCE} ORDER BY {NUMBER}, {INGESTED}
        ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
    )
)"""
_CLIENTS = f"""
    SELECT
        {INSTANCE},
        max({NUMBER}) AS accepted,
        sumIf({NUMBER} - _before - 1, _gap) AS missing,
        countIf(_inside AND _copy) AS copies,
        countIf(_inside AND NOT _copy AND {INGESTED} - {TIME} > {{late:UInt64}}) AS late
    FROM {_PAIRS}
    GROUP BY {INSTANCE}"""
_TOTALS = f"""\
SELECT
    count() AS clients,
    sum(accepted) AS accepted,
    sum(missing) AS missing,
    sum(copies) AS copies,
    sum(late) AS late
FROM ({_CLIENTS})"""
_FINDINGS = f"""{_CLIENTS}
HAVING missing + copies + late > 0
ORDER BY missing DESC, copies DESC, late DESC, {INSTANCE}
LIMIT {{limit:UInt64}}"""
_GAPS = f"""\
SELECT
    {INSTANCE},
    _before + 1 AS first,
    {NUMBER} - 1 AS last,
    if(_before = 0, NULL, _accepted_before) AS after,
    {ACCEPTED} AS before
FROM {_PAIRS}
WHERE _gap
ORDER BY {INSTANCE}, first
LIMIT {{limit:UInt64}}"""
_EXPIRED = f"""\
SELECT topic, partition, first, last, found_at
FROM {DATABASE}.{EXPIRED} FINAL
WHERE found_at >= {_SINCE}
ORDER BY found_at, topic, partition
LIMIT {{limit:UInt64}}"""
# Large sorts spill to disk, so that a laptop can reconcile what a server holds.
_SETTINGS = {
    "max_bytes_before_external_sort": 1 << 30,
    "max_bytes_before_external_group_by": 1 << 30,
}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.set_defaults(failed=2)  # 1 reports missing events
    dsn.add_arguments(parser)
    example = "such as 2026-03-01 or 2026-03-01T06:00:00Z; UTC unless it has an offset"
    parser.add_argument(
        "--since", type=_time, required=True, help=f"begin the window here, {example}"
    )
    parser.add_argument(
        "--until", type=_time, help="end the window before this time (default: now)"
    )
    parser.add_argument(
        "--late",
        type=_duration,
        default=timedelta(hours=1),
        metavar="DURATION",
        help="count events as late this long after they occurred, such as 90s, 30m, 1h, 2d "
        "(default: 1h)",
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
    """Prints the findings; returns 1 if any event is missing or expired."""
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
    return 1 if found["totals"]["missing"] or found["expired"] else 0


def reconcile(
    client: Client, since: datetime, until: datetime, *, late: timedelta, limit: int
) -> dict[str, Any]:
    """Returns the totals, the clients with findings, and the gaps; the store does all the work."""
    parameters = {
        "since": _in_store(since),
        "until": _in_store(until),
        "late": int(late.total_seconds()),
        "limit": limit,
    }

    def rows(query: str) -> list[dict[str, Any]]:
        try:
            return list(client.query(query, parameters, settings=_SETTINGS).named_results())
        except ClickHouseError as failure:
            raise store.query_error(failure) from None

    totals = rows(_TOTALS)[0]
    findings = totals["missing"] + totals["copies"] + totals["late"]
    return {
        "since": since,
        "until": until,
        "totals": totals,
        "clients": rows(_FINDINGS) if findings else [],
        "gaps": rows(_GAPS) if totals["missing"] else [],
        "expired": rows(_EXPIRED),
    }


def _in_store(time: datetime) -> str:
    """Formats a time for a type with a time zone, so that the server's own zone has no effect."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _print(found: dict[str, Any]) -> None:
    totals = found["totals"]
    for name in ("gaps", "clients", "expired"):
        if found[name]:
            sys.stdout.write(f"{name}\n{output.table(found[name], found[name][0])}\n")
    verdict = "INCOMPLETE" if totals["missing"] or found["expired"] else "complete"
    sys.stdout.write(
        f"{totals['clients']} clients, {totals['accepted']} events accepted: "
        f"{totals['missing']} missing, {totals['copies']} copies, {totals['late']} late\n"
        f"{verdict}, as far as numbers show: they do not show lost events that no later event of "
        "the same client follows\n"
    )


def _time(value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        raise argparse.ArgumentTypeError(
            f"must be a time such as 2026-03-01, got {value!r}"
        ) from None


def _duration(value: str) -> timedelta:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a duration such as 30m, got {value!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

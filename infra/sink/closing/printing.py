"""Prints closes and lines; what a close holds is printed the same each time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from itertools import groupby
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink import output
from infra.sink._generated.fields import ACCOUNT, BILLABLE, METRIC_TYPE, PRODUCT
from infra.sink.closing import changes
from infra.sink.closing.ledger import Close
from infra.sink.text import printable

Line = Mapping[str, Any]
# The digits of the widest column in the store.
_EXACT = Context(prec=76)
# Bounds the memory, however many workspaces a close is of.
_PAGE = 200
USAGE, ADJUSTMENT = "usage", "adjustment"
_VALUES = (
    *("title", "unit", "unit_title", "aggregation", "time_zone"),
    *("events", "open_sessions", "quantity", "unpriced", "cost"),
)
COLUMNS = (ACCOUNT, "month", "kind", PRODUCT, METRIC_TYPE, BILLABLE, *_VALUES)
_LINES = f"""\
SELECT
    {ACCOUNT}, formatDateTime(_line.month, '%Y-%m') AS month,
    if(_line.month = {{month:Date32}}, '{USAGE}', '{ADJUSTMENT}') AS kind,
    {PRODUCT}, {METRIC_TYPE}, {BILLABLE}, {", ".join(_VALUES)}
FROM {changes.LINES_TABLE} AS _line
WHERE close_id IN {{closes:Array(String)}}
    AND {ACCOUNT} BETWEEN {{first:String}} AND {{last:String}}
ORDER BY {ACCOUNT}, kind DESC, month, {PRODUCT}, {METRIC_TYPE}, {BILLABLE} DESC,
    unit, unit_title, aggregation"""
_WORKSPACES = f"""\
SELECT DISTINCT {ACCOUNT} FROM {changes.LINES_TABLE}
WHERE close_id IN {{closes:Array(String)}} ORDER BY {ACCOUNT}"""


def lines(
    client: Client, closes: Iterable[Close], month: date, workspaces: Sequence[str]
) -> Iterator[Line]:
    """Yields the lines of closes of a month, in the order of their workspaces; all without one."""
    parameters: dict[str, Any] = {"closes": [close.close_id for close in closes], "month": month}
    rows = client.query(_WORKSPACES, parameters).result_rows
    names = [row[0] for row in rows if not workspaces or row[0] in workspaces]
    for start in range(0, len(names), _PAGE):
        page = names[start : start + _PAGE]
        bounds = {"first": page[0], "last": page[-1]}
        for row in client.query(_LINES, parameters | bounds).named_results():
            if not workspaces or row[ACCOUNT] in workspaces:
                yield row


def total(rows: Iterable[Line], kind: str | None = None) -> Decimal | None:
    """Returns the cost of billable lines, all or of one kind; None if none of them has one."""
    found: Decimal | None = None
    for row in rows:
        if row[BILLABLE] and row["cost"] is not None and kind in {None, row["kind"]}:
            found = _EXACT.add(found or Decimal(0), row["cost"])
    return found


def head(close: Close) -> dict[str, Any]:
    """Returns what a close says of itself."""
    return {
        "number": close.number,
        "month": f"{close.month:%Y-%m}",
        "scope": list(close.scope),
        "closed_at": close.closed_at,
        "release": close.release,
        "time_zone": close.time_zone,
        "currency": close.currency,
        "despite": close.despite,
        "overridden": list(close.overridden),
        "events": close.events,
        "lines": close.lines,
        "digest": close.digest,
    }


def write_json(closes: Sequence[Close], rows: Iterable[Line]) -> None:
    """Writes one document, which is held in memory."""
    output.write_json({"closes": [head(close) for close in closes], "lines": list(rows)})


def write_closes(closes: Sequence[Close], form: str) -> None:
    """Writes a list of closes."""
    rows = [head(close) for close in closes]
    if form == "json":
        output.write_json(rows)
        return
    flat = [
        row
        | {
            "scope": ", ".join(row["scope"]) or "all",
            "overridden": "; ".join(row["overridden"]),
        }
        for row in rows
    ]
    if form == "csv":
        output.write_csv(flat, head_columns())
    elif flat:
        sys.stdout.write(output.table(flat, head_columns()))
    else:
        sys.stdout.write("nothing is closed\n")


def head_columns() -> tuple[str, ...]:
    """Returns the columns of a list of closes."""
    return (
        *("number", "month", "scope", "closed_at", "release", "time_zone", "currency"),
        *("events", "lines", "despite", "overridden", "digest"),
    )


def write_tables(closes: Iterable[Close], rows: Iterable[Line]) -> None:
    """Writes the closes, then a table of each workspace with its total."""
    for close in closes:
        sys.stdout.write(_introduction(close))
    is_any = False
    for workspace, group in groupby(rows, lambda row: row[ACCOUNT]):
        is_any = True
        own = list(group)
        sys.stdout.write(f"\n{printable(workspace)}\n")
        sys.stdout.write(output.table(own, COLUMNS[1:]))
        sys.stdout.write(_last_line(own))
    if not is_any:
        sys.stdout.write("\nno usage\n")


def _introduction(close: Close) -> str:
    scope = ", ".join(close.scope) or "all workspaces"
    text = (
        f"close {close.number} of {close.month:%Y-%m}: {scope}; {output.text(close.closed_at)}, "
        f"release {close.release}, {close.time_zone}{close.currency and f', {close.currency}'}\n"
        f"{close.events} events, {close.lines} lines, digest {close.digest}\n"
    )
    if close.despite:
        text += f"despite: {close.despite}\n"
        text += "".join(f"  {each}\n" for each in close.overridden)
    return "".join(f"{printable(line)}\n" for line in text.splitlines())


def _last_line(rows: Sequence[Line]) -> str:
    cost, adjusted = total(rows), total(rows, ADJUSTMENT)
    if cost is None:
        return "no billable event has a cost\n"
    rest = "" if adjusted is None else f", of which adjustments: {output.text(adjusted)}"
    unpriced = sum(row["unpriced"] for row in rows if row[BILLABLE])
    rest += f"; {unpriced} billable events have no cost" if unpriced > 0 else ""
    return f"cost of billable usage: {output.text(cost)}{rest}\n"

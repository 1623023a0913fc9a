"""Makes a close: writes what it holds under an id of its own, then puts it into the ledger.

Nothing that is written before counts: a crash, or another close that takes the number first, leaves
rows of an id that the ledger does not have. The store itself copies the events, in one query that
reads a state of the store, and the lines are added up from that copy: what arrives meanwhile is in
both or in neither, and the next close finds it.

An erasure that begins meanwhile notes how many events of the close it deletes. If it began before
they were counted, they may have gone before, so the close is made anew. So it is if a workspace got
another name meanwhile.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink import cluster, store
from infra.sink._generated.fields import ACCOUNT, DATABASE
from infra.sink.closing import changes, ledger
from infra.sink.closing.ledger import Close, Entry
from infra.sink.erasing.ledger import erased_events, erasures
from infra.sink.errors import SinkError
from infra.sink.renames import ledger as renames
from infra.sink.renames.billed import Billed
from infra.sink.usage.sql import AS_WRITTEN

# Large sorts and groups spill to disk: memory does not grow with the events of a month.
SETTINGS: Mapping[str, Any] = {
    **AS_WRITTEN,
    # The lines are added up from the events that were just written.
    **store.AS_ONE,
    "max_bytes_before_external_sort": 1 << 30,
    "max_bytes_before_external_group_by": 1 << 30,
}
_ATTEMPTS = 100
_ID = "{close_id:String}"
_EVENTS = f"INSERT INTO {changes.EVENTS_TABLE} (close_id, {changes.EVENT_COLUMNS})"
# One digest for each workspace bounds the memory, and their order does not matter.
_DIGEST = f"""\
SELECT
    (SELECT count() FROM {changes.EVENTS_TABLE} WHERE close_id = {_ID}),
    sum(_lines),
    lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(_digest))))))
FROM
(
    SELECT
        count() AS _lines,
        hex(SHA256(arrayStringConcat(arraySort(groupArray(toString(
            (time_zone, {changes.LINE_COLUMNS})
        ))), '\\n'))) AS _digest
    FROM {changes.LINES_TABLE}
    WHERE close_id = {_ID}
    GROUP BY {ACCOUNT}
)"""
_RELEASE = f"SELECT argMax(release, _order) FROM {DATABASE}.catalog_releases"


def _lines(billed: Billed) -> str:
    """Returns the statement that writes the lines of a close."""
    events = billed.source(changes.EVENTS_TABLE, [f"close_id = {_ID}"])
    return f"""\
INSERT INTO {changes.LINES_TABLE} (close_id, time_zone, {changes.LINE_COLUMNS})
SELECT {_ID}, _zone.time_zone, {changes.LINE_COLUMNS}
FROM ({changes.closed_lines(_ID, billed)}) AS _line
LEFT JOIN
(
    SELECT {ACCOUNT}, month, any(time_zone) AS time_zone FROM {events} GROUP BY {ACCOUNT}, month
) AS _zone USING ({ACCOUNT}, month)"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a close is made with, beside what it reads."""

    time_zone: str
    currency: str
    despite: str = ""
    overridden: tuple[str, ...] = ()


def make(client: Client, month: date, workspaces: Sequence[str], terms: Terms) -> list[Close]:
    """Closes what is not closed yet, and returns the closes that the month of the workspaces has.

    Raises:
        SinkError: the store rejects a query, or others close all the time.
    """
    try:
        for _ in range(_ATTEMPTS):
            closes = ledger.read(client)
            scope = ledger.remaining(closes, month, workspaces)
            if scope is None:
                return ledger.covering(closes, month, workspaces)
            number = closes[-1].number + 1 if closes else 1
            is_first = all(close.month >= month for close in closes)
            before = (erasures(client), renames.read(client))
            entry = _write(client, number, month, scope, terms, is_first=is_first)
            if (erasures(client), renames.read(client)) != before or not ledger.put(client, entry):
                discard(client, entry.close_id)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    raise SinkError("other closes came first each time; run the command again")


def verify(client: Client, close: Close) -> None:
    """Checks that the store still has what the close wrote, but for events that were erased.

    Raises:
        SinkError: events or lines of the close were changed or removed.
    """
    found = _measure(client, close.close_id)
    try:
        erased = erased_events(client).get(close.close_id, 0)
    except ClickHouseError as failure:
        raise store.query_error(failure) from None
    if (found[0] + erased, *found[1:]) != (close.events, close.lines, close.digest):
        raise SinkError(
            f"close {close.number} of {close.month:%Y-%m} is damaged: it had {close.events} events "
            f"and {close.lines} lines of digest {close.digest}, and the store has {found[0]} and "
            f"{found[1]} of {found[2]}; restore {changes.EVENTS_TABLE} and {changes.LINES_TABLE} "
            "from a backup"
        )


def discard(client: Client, close_id: str) -> None:
    """Deletes what was written for a close that cannot count any more."""
    for table in (changes.EVENTS_TABLE, changes.LINES_TABLE):
        statement = f"DELETE FROM {table} WHERE close_id = {_ID}"
        cluster.change(client, statement, {"close_id": close_id})


def _write(
    client: Client,
    number: int,
    month: date,
    scope: tuple[str, ...],
    terms: Terms,
    *,
    is_first: bool,
) -> Entry:
    close_id = str(uuid.uuid4())
    billed = Billed.of(renames.names(client), scope or None)
    parameters: dict[str, Any] = {"close_id": close_id, "month": month, "scope": list(scope)}
    parameters |= billed.parameters

    def run(statement: str) -> None:
        client.command(statement, parameters, settings=dict(SETTINGS))

    try:
        first = changes.first_events(changes.open_part(scope, billed))
        run(f"{_EVENTS} SELECT {_ID}, * FROM ({first})")
        if not is_first:
            changed = changes.changed_events(changes.closed_part(scope, billed))
            run(f"{_EVENTS} SELECT {_ID}, * FROM ({changed})")
        run(_lines(billed))
        [[release]] = client.query(_RELEASE).result_rows
        events, lines, digest = _measure(client, close_id)
    except BaseException:
        with contextlib.suppress(ClickHouseError, OSError):
            discard(client, close_id)
        raise
    return Entry(
        number,
        close_id,
        month,
        scope,
        str(release),
        terms.time_zone,
        terms.currency,
        terms.despite,
        terms.overridden,
        events,
        lines,
        digest,
    )


def _measure(client: Client, close_id: str) -> tuple[int, int, str]:
    """Returns how many events and lines the store has of a close, and the digest of the lines."""
    rows = client.query(_DIGEST, {"close_id": close_id}, settings=dict(SETTINGS)).result_rows
    events, lines, digest = rows[0]
    return int(events), int(lines), str(digest)

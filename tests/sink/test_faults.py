"""Faults between Kafka and an invoice, each with the right value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import DATABASE, FIELDS, ID, TABLE, TIME, USAGE
from infra.sink.writer import insert_into
from tests.sink.harness import encoded, event

QUANTITY = next(field.name for field in FIELDS if field.kind == "number")
_TABLE, _VIEW = f"{DATABASE}.{TABLE}", f"{DATABASE}.{USAGE}"


def quantities(store: Client) -> list[Decimal]:
    """The quantities of all events, each counted once."""
    query = f"SELECT {QUANTITY} FROM {_VIEW} ORDER BY {ID}"
    return [row[0] for row in store.query(query).result_rows]


@pytest.mark.parametrize("day", ["2026-03-10", "2026-03-09"])
def test_the_first_to_arrive_counts_within_one_insert(store: Client, day: str) -> None:
    """Both within a key of the table, and beyond it: the copy may lie on another day."""
    later = {TIME: f"{day}T11:00:00.000Z"}
    copies = [event(**{QUANTITY: 5}, **later), event(**{QUANTITY: 9})]
    insert_into(store, map(encoded, (event(**{QUANTITY: 1}), *copies)))
    assert quantities(store) == [1]
    insert_into(store, [encoded(event(**{QUANTITY: n})) for n in (20, 30)])
    store.command(f"OPTIMIZE TABLE {_TABLE} FINAL")
    assert quantities(store) == [1]


def test_the_first_to_arrive_counts_within_an_insert_of_many_blocks(store: Client) -> None:
    ids = [f"id-{number}" for number in range(70_000)]
    insert_into(store, [encoded(event(**{ID: each, QUANTITY: n})) for n in (1, 2) for each in ids])
    assert set(quantities(store)) == {1}


def test_a_row_that_was_stored_before_the_migration_precedes(store: Client) -> None:
    """Its version has no place in the insert, and is greater than those that have one."""
    old = "bitNot(toUInt64(toUnixTimestamp64Milli(ingested_at)))"
    new = store.query(
        f"SELECT default_expression FROM system.columns WHERE table = '{TABLE}' "
        "AND name = '_precedence'"
    ).result_rows[0][0]
    column = f"ALTER TABLE {_TABLE} MODIFY COLUMN _precedence UInt64 MATERIALIZED"
    store.command(f"{column} {old}")
    insert_into(store, [encoded(event(**{QUANTITY: 1}))])
    store.command(f"{column} {new}")
    insert_into(store, [encoded(event(**{QUANTITY: 2}))])
    assert quantities(store) == [1]

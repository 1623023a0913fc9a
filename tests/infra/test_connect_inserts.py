"""ClickHouse's engine takes from Kafka Connect what the embedded sink takes, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.sink._generated.fields import FIELDS, ID, INGESTED, TIME
from infra.sink.decode import Row, decode
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.infra.connect_insert import QUANTITY, TABLE, insert, real_events
from tests.sink.harness import encoded, event
from tests.sink.refused import OPTIONAL, REFUSED

# The engine reads these as an event, and the sink does not. It stores what they say, but for the
# digits after the twelfth of a quantity.
_READ = {
    "a boolean for a flag",
    "a byte order mark",
    "a huge message",
    "a negative number",  # of 13 digits after the point
    "a string for a number",
    "a time without a zone",
    "bytes that are not UTF-8",  # Connect's converter has replaced them
    "cost 1",
    "cost None",
    "tags []",
    "two events",
    "vendor ",
}
_ISO = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": 0}


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A store with all migrations applied."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('connect')}/store") as client:
        migrate(client)
        yield client


@pytest.fixture
def store(one_store: Client) -> Client:
    """The store without rows."""
    one_store.command(f"TRUNCATE TABLE {TABLE}")
    return one_store


def stored(store: Client) -> list[bytes]:
    """The rows as messages; a field with the value of its absence is absent."""
    query = f"SELECT * EXCEPT ({INGESTED}) FROM {TABLE} FORMAT JSONEachRow"
    rows = map(json.loads, store.raw_query(query, settings=_ISO).splitlines())
    optional = {field.name for field in FIELDS if not field.required}
    return [encoded({k: v for k, v in row.items() if v or k not in optional}) for row in rows]


def accepted(store: Client, message: bytes) -> bool:
    """Whether the insert of a message succeeds and leaves rows."""
    try:
        insert(store, [message.decode(errors="replace").encode()])  # as Connect's converter does
    except ClickHouseError:
        assert stored(store) == []
    return bool(stored(store))


_MESSAGES = {
    **{what: message for what, (make, _) in REFUSED.items() if (message := make())},
    **OPTIONAL,
}


@pytest.mark.parametrize("what", _MESSAGES)
def test_what_the_sink_refuses_is_not_inserted(store: Client, what: str) -> None:
    assert accepted(store, _MESSAGES[what]) == (what in _READ)
    for message in stored(store):
        assert isinstance(decode(message), Row)


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_what_a_message_lacks_is_not_invented(store: Client, name: str) -> None:
    message = event()
    del message[name]
    assert not accepted(store, encoded(message))
    assert accepted(store, encoded(event()))


# The engine reads the null of an integer as 0, which is a flag's value.
@pytest.mark.parametrize(
    "name", [f.name for f in FIELDS if f.required and not f.nullable and f.kind != "flag"]
)
def test_a_null_is_not_a_value(store: Client, name: str) -> None:
    assert not accepted(store, encoded(event(**{name: None})))


def test_an_empty_object_is_not_an_event(store: Client) -> None:
    assert not accepted(store, b"{}")


def test_a_table_can_be_filled_again_from_its_own_rows_at_any_time(store: Client) -> None:
    insert(store, [encoded(event())])
    store.command(
        f"INSERT INTO {TABLE} SELECT * REPLACE ('2001-01-01' AS ingested_at) FROM {TABLE}"
    )
    assert store.command(f"SELECT count() FROM {TABLE}") == 2
    query = f"SELECT create_table_query FROM system.tables WHERE name = '{TABLE.split('.')[1]}'"
    constraints = str(store.command(query)).partition("CONSTRAINT")[2].partition("ENGINE")[0]
    assert "now" not in constraints


def test_an_insert_keeps_every_digit(store: Client) -> None:
    insert(store, real_events())
    query = f"SELECT quantity, unit_cost, metadata FROM {TABLE} ORDER BY seq"
    rows = store.query(query).result_rows
    events = [json.loads(event, parse_float=Decimal) for event in real_events()]
    assert [row[:2] for row in rows] == [(QUANTITY, Decimal("0.000000000001"))] * len(events)
    assert [row[2] for row in rows] == [event["metadata"] for event in events]


def test_an_insert_may_hold_more_than_100_months(store: Client) -> None:
    # None of them is older than the retention of the store.
    months = [f"{2030 + n // 12}-{1 + n % 12:02}-10T12:00:00.000Z" for n in range(150)]
    insert(store, [encoded(event(**{ID: month, TIME: month})) for month in months])
    assert store.command(f"SELECT count() FROM {TABLE}") == len(months)

"""A message is decoded into exactly its row, or rejected with a reason."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from eka_usage import METRIC_TYPES, EkaClient, find_metric

from infra.sink._generated.fields import DATABASE, FIELDS, ID, TABLE
from infra.sink.decode import Rejection, Row, decode
from infra.sink.field import Kind
from infra.sink.writer import insert_into
from tests.sink.harness import RecordingProducer, encoded, event
from tests.sink.refused import OPTIONAL, REFUSED, of, with_text


def row(message: bytes) -> dict[str, Any]:
    decoded = decode(message)
    assert isinstance(decoded, Row), decoded
    read: dict[str, Any] = json.loads(decoded.line, parse_float=Decimal)
    return read


def rejected(message: bytes | None) -> str:
    decoded = decode(message)
    assert isinstance(decoded, Rejection), decoded
    return str(decoded)


def test_an_sdks_message_is_the_row_byte_for_byte() -> None:
    producer = RecordingProducer()
    with EkaClient("tests", producer=producer) as client:
        for product, names in METRIC_TYPES.items():
            metric = find_metric(product, names[0])
            assert metric is not None
            client.record_metric("w", metric, Decimal("0.1234567"), metadata={"é": '"😀\\'})
    assert producer.messages
    for message in producer.messages:
        found = decode(message)
        assert isinstance(found, Row)
        assert found.line == message


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1", "1"),
        ("0", "0"),
        ("-0", "0"),
        ("1e18", "1000000000000000000"),
        ("1.5E+3", "1500"),
        ("0.30000000000000004", "0.3"),
        ("1e-12", "0.000000000001"),
        ("9.99e-13", "0"),
        ("5e-324", "0"),
        ("0.1234567890129", "0.123456789012"),
        ("999999999999999999.999999999999", "999999999999999999.999999999999"),
        ("9007199254740993", "9007199254740993"),
        ("0e999999999", "0"),
    ],
)
def test_a_number_is_stored_exactly_and_truncated_as_clickhouse_truncates_it(
    store: Client, text: str, stored: str
) -> None:
    number = of("number")
    found = decode(with_text(number, text))
    assert isinstance(found, Row), found
    table = f"{DATABASE}.{TABLE}"
    insert_into(store, [found.line])
    assert store.query(f"SELECT {number} FROM {table}").result_rows[0][0] == Decimal(stored)
    exponent_clickhouse_reads = "e9" not in text
    if exponent_clickhouse_reads:
        store.command(f"TRUNCATE TABLE {table}")
        insert_into(store, [with_text(number, text)])
        assert store.query(f"SELECT {number} FROM {table}").result_rows[0][0] == Decimal(stored)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_an_event_is_rejected(what: str) -> None:
    make, code = REFUSED[what]
    assert rejected(make()).partition(":")[0] == code


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_a_missing_field_is_named(name: str) -> None:
    message = event()
    del message[name]
    assert rejected(encoded(message)) == f"missing: Object missing required field `{name}`"


@pytest.mark.parametrize("kind", ["string", "number", "integer", "flag", "json", "timestamp"])
def test_a_wrong_type_names_the_field(kind: Kind) -> None:
    assert of(kind) in rejected(with_text(of(kind), "[1]"))


def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    plain = event()
    more = encoded(plain)[:-1] + b',"new":{"a":1,"a":2},"newer":"\xff"}'
    assert row(more) == row(encoded(plain))


def test_every_string_has_a_limit() -> None:
    assert all(f.max_length or f.pattern for f in FIELDS if f.kind == "string")


def test_a_duplicate_key_is_shown_shortened() -> None:
    key = "k" * 9_000
    message = encoded(event())[:-1] + f',"{key}":1,"{key}":2}}'.encode()
    assert rejected(message) == f"duplicate_key: {key[:64]} appears more than once"


def test_a_message_with_fields_that_an_event_may_lack_is_the_row_byte_for_byte() -> None:
    producer = RecordingProducer()
    with EkaClient("tests", producer=producer, environment="staging") as client:
        client.record("w", "api", "api_call", vendor="v", cost=0.5, run_id="é", tags=["a", "b"])
    [message] = producer.messages
    found = decode(message)
    assert isinstance(found, Row)
    assert found.line == message


@pytest.mark.parametrize("what", OPTIONAL)
def test_a_field_that_an_event_may_lack_is_checked_if_it_is_there(what: str) -> None:
    assert rejected(OPTIONAL[what]).startswith("invalid: ")


def test_a_column_of_a_field_that_an_event_lacks_has_its_default(store: Client) -> None:
    insert_into(store, [encoded(event()), encoded(event(event_id="y", vendor="v", tags=["a"]))])
    columns = "environment, vendor, cost, tags"
    rows = store.query(f"SELECT {columns} FROM {DATABASE}.{TABLE} ORDER BY {ID}").result_rows
    assert rows == [("production", "", None, []), ("production", "v", None, ["a"])]


def test_a_null_cost_is_stored_as_null() -> None:
    nullable = next(field.name for field in FIELDS if field.nullable)
    assert row(encoded(event(**{nullable: None})))[nullable] is None


@pytest.mark.parametrize(
    "text",
    ["2026-03-10T17:30:00.123+05:30", "2026-03-10 12:00:00.123z", "2026-03-10T12:00:00.1230Z"],
)
def test_a_time_of_any_offset_and_precision_is_stored_in_utc(text: str) -> None:
    time = of("timestamp")
    assert row(encoded(event(**{time: text})))[time] == "2026-03-10T12:00:00.123Z"

"""A message is decoded into exactly its row, or rejected with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from eka_usage import METRIC_TYPES, EkaClient, find_metric

from infra.sink._generated.fields import DATABASE, FIELDS, ID, INSTANCE, METRIC_TYPE, PRODUCT, TABLE
from infra.sink.decode import Rejection, Row, decode
from infra.sink.field import Kind
from infra.sink.writer import insert_into
from tests.sink.harness import RecordingProducer, encoded, event


def of(kind: Kind) -> str:
    """The first field of a kind that is required and not nullable."""
    return next(f.name for f in FIELDS if f.kind == kind and f.required and not f.nullable)


def row(message: bytes) -> dict[str, Any]:
    decoded = decode(message)
    assert isinstance(decoded, Row), decoded
    read: dict[str, Any] = json.loads(decoded.line, parse_float=Decimal)
    return read


def rejected(message: bytes | None) -> str:
    decoded = decode(message)
    assert isinstance(decoded, Rejection), decoded
    return str(decoded)


def with_text(field: str, text: str) -> bytes:
    """A valid event with the JSON text of one field replaced."""
    return encoded(event(**{field: "HERE"})).replace(b'"HERE"', text.encode())


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


_BAD: dict[str, tuple[Callable[[], bytes | None], str]] = {
    "nothing": (lambda: None, "empty"),
    "no bytes": (lambda: b"", "empty"),
    "garbage": (lambda: bytes(range(256)), "malformed"),
    "half an event": (lambda: encoded(event())[:-9], "malformed"),
    "two events": (lambda: encoded(event()) * 2, "malformed"),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + encoded(event()), "malformed"),
    "another encoding": (lambda: encoded(event()).decode().encode("utf-16"), "malformed"),
    "depth": (lambda: with_text(of("string"), "[" * 9999 + "]" * 9999), "invalid"),
    "deep and unknown": (lambda: with_text("more", "[" * 9999 + "]" * 9999), "malformed"),
    "a list": (lambda: b"[]", "invalid"),
    "a lone surrogate": (lambda: with_text(of("string"), '"\\ud800"'), "malformed"),
    "bytes that are not UTF-8": (
        lambda: encoded(event(**{ID: "HERE"})).replace(b"HERE", b"\xff"),
        "malformed",
    ),
    "a duplicate key": (lambda: encoded(event())[:-1] + f',"{ID}":"b"}}'.encode(), "duplicate_key"),
    "a duplicate key, once escaped": (
        lambda: encoded(event())[:-1] + f',"\\u{ord(ID[0]):04x}{ID[1:]}":"b"}}'.encode(),
        "duplicate_key",
    ),
    "a string for a number": (lambda: with_text(of("number"), '"1"'), "invalid"),
    "a boolean for a number": (lambda: with_text(of("number"), "true"), "invalid"),
    "null for a number": (lambda: with_text(of("number"), "null"), "invalid"),
    "not a number": (lambda: with_text(of("number"), "NaN"), "malformed"),
    "a negative number": (lambda: with_text(of("number"), "-1e-13"), "invalid"),
    "a number just too large": (
        lambda: with_text(of("number"), "1000000000000000000.000000000001"),
        "invalid",
    ),
    "a number far too large": (lambda: with_text(of("number"), "1e999999"), "invalid"),
    "a huge exponent": (lambda: with_text(of("number"), "1e" + "9" * 40), "invalid"),
    "a boolean for a flag": (lambda: with_text(of("flag"), "true"), "invalid"),
    "two for a flag": (lambda: with_text(of("flag"), "2"), "invalid"),
    "an integer that wraps": (lambda: with_text(of("integer"), str(2**64)), "invalid"),
    "an integer with a dot": (lambda: with_text(of("integer"), "1.0"), "invalid"),
    "a blank id": (lambda: encoded(event(**{ID: "\u2003 "})), "invalid"),
    "an empty id": (lambda: encoded(event(**{ID: ""})), "invalid"),
    "a long id": (lambda: encoded(event(**{ID: "x" * 9999})), "invalid"),
    "a name of 200,000 characters": (lambda: encoded(event(**{PRODUCT: "x" * 200_000})), "invalid"),
    "a name that no catalog has": (lambda: encoded(event(**{METRIC_TYPE: "=1+1"})), "invalid"),
    "a name with a line break": (lambda: encoded(event(**{METRIC_TYPE: "x\n"})), "invalid"),
    "a long instance": (lambda: encoded(event(**{INSTANCE: "x" * 200_000})), "invalid"),
    "an object for JSON text": (lambda: with_text(of("json"), "{}"), "invalid"),
    "JSON text of a list": (lambda: encoded(event(**{of("json"): "[]"})), "invalid"),
    "text that is not JSON": (lambda: encoded(event(**{of("json"): "{"})), "invalid"),
    "oversized JSON": (
        lambda: encoded(event(**{of("json"): '{"a":"' + "é" * 20_000 + '"}'})),
        "invalid",
    ),
    "a huge message": (lambda: encoded(event(more="x" * 300_000)), "oversize"),
    "the 30th of February": (
        lambda: encoded(event(**{of("timestamp"): "2026-02-30T00:00:00.000Z"})),
        "invalid",
    ),
    "the year 1": (
        lambda: encoded(event(**{of("timestamp"): "0001-01-01T00:00:00.000Z"})),
        "invalid",
    ),
    "the year 9999": (
        lambda: encoded(event(**{of("timestamp"): "9999-01-01T00:00:00.000Z"})),
        "invalid",
    ),
    "a time without a zone": (
        lambda: encoded(event(**{of("timestamp"): "2026-01-01T00:00:00.000"})),
        "invalid",
    ),
    "a number for a time": (lambda: with_text(of("timestamp"), "1767225600000"), "invalid"),
}


@pytest.mark.parametrize("what", _BAD)
def test_what_is_not_an_event_is_rejected(what: str) -> None:
    make, code = _BAD[what]
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vendor", None),
        ("vendor", ""),
        ("vendor", " "),
        ("vendor", "x" * 129),
        ("cost", -1),
        ("cost", "1"),
        ("cost", None),
        ("tags", []),
        ("tags", ["a", " "]),
        ("tags", ["a", 1]),
        ("tags", "a"),
        ("child_event_ids", ["x" * 128] * 300),
    ],
)
def test_a_field_that_an_event_may_lack_is_checked_if_it_is_there(field: str, value: Any) -> None:
    assert rejected(encoded(event(**{field: value}))).startswith("invalid: ")


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

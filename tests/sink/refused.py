"""Messages that the sink refuses, by what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.sink._generated.fields import FIELDS, ID, INSTANCE, METRIC_TYPE, PRODUCT
from infra.sink.field import Kind
from tests.sink.harness import encoded, event


def of(kind: Kind) -> str:
    """The first field of a kind that is required and not nullable."""
    return next(f.name for f in FIELDS if f.kind == kind and f.required and not f.nullable)


def with_text(field: str, text: str) -> bytes:
    """A valid event with the JSON text of one field replaced."""
    return encoded(event(**{field: "HERE"})).replace(b'"HERE"', text.encode())


REFUSED: Mapping[str, tuple[Callable[[], bytes | None], str]] = {
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
"""Each with the code of its rejection."""

OPTIONAL: Mapping[str, bytes] = {
    f"{field} {str(value)[:9]}": encoded(event(**{field: value}))
    for field, value in (
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
        ("boundary", "middle"),
    )
}
"""An invalid value of a field that an event may lack."""

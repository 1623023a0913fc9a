"""The values of unquoted YAML scalars."""

from __future__ import annotations

import pytest
import yaml

from codegen.scalars import plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False)),
        *(("0", 0), ("-7", -7), ("1000000000000000000", 10**18), ("0.5", 0.5), ("-1.10", -1.1)),
        *((text, text) for text in ("7d", "0.2.0", "1.10.0", "eka.usage", "no.", "-", "1.2.3.4")),
        *((text, text) for text in ("host:9092", "nobody", "+91 80", "2024-01", "..", ".hidden")),
    ],
)
def test_a_scalar_that_every_parser_reads_alike_has_its_value(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", "~", "null", "Null", "NULL", "=", "<<"),
        *("yes", "Yes", "NO", "on", "Off", "y", "N", "True", "FALSE"),
        *("0x1F", "0o17", "017", "007", "0b1", "1_000", "+5", "1.", ".5", "1e3", "1.0", "1.5e999"),
        *("12:30:00", "1:30.5", ".inf", "-.INF", ".NaN", "9" * 5000, "2024-01-31"),
        *("2024-01-31T10:00:00Z", "2024-1-1 10:00:00"),
    ],
)
def test_a_scalar_that_parsers_read_differently_has_no_value(text: str) -> None:
    assert plain(text) is None


def test_a_scalar_that_is_not_a_string_in_yaml_1_1_is_not_a_string_here() -> None:
    alphabet = ("", "0", "1", "7", "_", ".", "e", "x", "+", "-", ":", "a")
    texts = {a + b + c + d for a in alphabet for b in alphabet for c in alphabet for d in alphabet}
    resolver = yaml.SafeLoader("")
    for text in texts:
        tag = resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        if tag != "tag:yaml.org,2002:str":
            assert not isinstance(plain(text), str), text

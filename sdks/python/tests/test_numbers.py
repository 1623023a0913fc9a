"""Numbers on the wire: in ECMAScript's notation, with exactly the value that was passed."""

from __future__ import annotations

import decimal
import random
import shutil
import struct
import subprocess
import sys
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from sdks.python.tests.support import VALID, CollectingProducer, fixed_client, record_event


class Half(float):
    pass


class Many(int):
    pass


class Level(IntEnum):
    THREE = 3


def written(quantity: object) -> str:
    """Returns the quantity as it is written on the wire."""
    outcome = record_event(quantity=quantity)
    assert outcome.sent is not None, outcome.errors
    fields: dict[str, msgspec.Raw] = msgspec.json.decode(
        outcome.sent.value, type=dict[str, msgspec.Raw]
    )
    return bytes(fields["quantity"]).decode()


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-324, "5e-324"),
        (1e-7, "1e-7"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (0.0001, "0.0001"),
        (123456.789, "123456.789"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (1e18, "1000000000000000000"),
        (2**53 - 1, "9007199254740991"),
        (2**53 + 1, "9007199254740993"),
        (float(2**53), "9007199254740992"),
        (10**18, "1000000000000000000"),
        (Decimal("0.10"), "0.1"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "1e-7"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("123456789012345678.123456789012"), "123456789012345678.123456789012"),
        (Decimal("1.00000000000000000000000000000"), "1"),
        (Half(0.5), "0.5"),
        (Many(7), "7"),
        (Level.THREE, "3"),
        (np.int32(5), "5"),
        (np.uint64(2**59), "576460752303423488"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.float16(0.5), "0.5"),
    ],
)
def test_a_number_is_written_as_ecmascript_writes_it(quantity: object, text: str) -> None:
    assert written(quantity) == text


@pytest.mark.parametrize(
    "quantity",
    [
        True,
        False,
        None,
        "1",
        b"1",
        float("nan"),
        float("inf"),
        -float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Fraction(1, 2),
        1j,
        [1],
        np.bool_(True),
        np.array(1),
        np.array([1.0]),
        np.float64("nan"),
        np.float32("inf"),
        np.complex64(1),
        ...,
    ],
    ids=repr,
)
def test_a_quantity_that_is_not_a_finite_number_is_rejected(quantity: object) -> None:
    outcome = record_event(quantity=quantity)
    assert (outcome.error.code, outcome.error.field) == ("quantity.invalid", "quantity")
    assert outcome.sent is None


@pytest.mark.parametrize("field", ["quantity", "unit_cost"])
@pytest.mark.parametrize(
    "value",
    [-1, -5e-324, Decimal("-1E-300"), 10**18 + 1, 1.0000000000000002e18, Decimal("1E+999999999")],
    ids=repr,
)
def test_a_number_out_of_range_is_rejected(field: str, value: object) -> None:
    outcome = record_event(**{field: value})
    assert (outcome.error.code, outcome.error.field) == (f"{field}.invalid", field)


@pytest.mark.parametrize(
    ("unit_cost", "text"), [(None, "null"), (0, "0"), (-0.0, "0"), (Decimal("0.10"), "0.1")]
)
def test_a_unit_cost_is_a_number_or_null(unit_cost: object, text: str) -> None:
    outcome = record_event(unit_cost=unit_cost)
    assert outcome.sent is not None
    assert f'"unit_cost":{text},'.encode() in outcome.sent.value


@pytest.mark.parametrize("unit_cost", [True, "0", float("nan"), Decimal("sNaN"), Fraction(1, 3)])
def test_a_unit_cost_that_is_not_a_finite_number_is_rejected(unit_cost: object) -> None:
    assert record_event(unit_cost=unit_cost).error.code == "unit_cost.invalid"


def test_every_digit_of_a_decimal_is_kept() -> None:
    random_digits = random.Random(1)
    for _ in range(300):
        digits = "".join(random_digits.choices("0123456789", k=random_digits.randint(1, 40)))
        value = Decimal(digits).scaleb(-random_digits.randint(max(0, len(digits) - 17), 60))
        assert Decimal(written(value)) == value


def test_the_callers_decimal_context_has_no_effect() -> None:
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps[decimal.Inexact] = True
        context.traps[decimal.FloatOperation] = True
        assert written(Decimal("123.456789")) == "123.456789"
        assert written(1e-7) == "1e-7"


def random_floats(count: int) -> list[float]:
    """Returns floats of every magnitude in range, also those next to powers of two and ten."""
    source = random.Random(8785)
    found = [source.uniform(0, 10.0 ** source.randint(-12, 18)) for _ in range(count)]
    found += [float(source.randint(0, 10**18)) for _ in range(count // 4)]
    while len(found) < 2 * count:
        (value,) = struct.unpack("<d", source.randbytes(8))
        found += [value] if 0 <= value <= 1e18 else []
    edges = [2.0**power for power in range(-1074, 60)]
    edges += [float(f"1e{power}") for power in range(-323, 19)]
    return found + [
        near
        for edge in edges
        for near in (edge, float(np.nextafter(edge, 0)), float(np.nextafter(edge, 1e300)))
        if near <= 1e18
    ]


@pytest.mark.workspace
def test_floats_are_written_as_node_writes_them() -> None:
    floats = random_floats(2000)
    node = shutil.which("node", path=str(Path(sys.prefix, "bin")))
    assert node is not None, "run `make setup`"
    program = """
      const bytes = require("fs").readFileSync(0);
      for (let at = 0; at < bytes.length; at += 8)
        console.log(JSON.stringify({q: bytes.readDoubleLE(at)}).slice(5, -1));
    """
    answer = subprocess.run(
        [node, "-e", program],
        input=struct.pack(f"<{len(floats)}d", *floats),
        capture_output=True,
        check=True,
    )
    collector = CollectingProducer()
    with fixed_client(producer=collector) as client:
        for value in floats:
            client.record(**VALID, quantity=value, metadata={"q": value})
    assert len(collector.sent) == len(floats)
    for value, ecmascript, sent in zip(
        floats, answer.stdout.decode().split(), collector.sent, strict=True
    ):
        assert f'"quantity":{ecmascript},'.encode() in sent.value, value
        assert f'"metadata":"{{\\"q\\":{ecmascript}}}"'.encode() in sent.value, value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "0"),
        (-1.5, "-1.5"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (-1e-7, "-1e-7"),
        (2**64, "18446744073709551616"),
        (-(2**63), "-9223372036854775808"),
        (10**21, "1e+21"),
        (10**40 + 1, "1.0000000000000000000000000000000000000001e+40"),
        (Decimal("0.10"), "0.1"),
        (np.int8(-3), "-3"),
        (np.float32(0.1), "0.10000000149011612"),
        (Level.THREE, "3"),
        (True, "true"),
    ],
)
def test_numbers_in_metadata_follow_the_same_rules(value: Any, text: str) -> None:
    for metadata, written_as in (({"v": value}, text), ({"v": [value]}, f"[{text}]")):
        outcome = record_event(metadata=metadata)
        assert outcome.errors == []
        assert outcome.event["metadata"] == f'{{"v":{written_as}}}'


@pytest.mark.parametrize("field", ["quantity", "unit_cost"])
def test_a_decimal_with_too_many_digits_is_rejected(field: str) -> None:
    long = Decimal("0." + "1" * 100_000)
    outcome = record_event(**{field: long})
    assert outcome.error.code == f"{field}.invalid"
    assert "of at most 38 digits" in str(outcome.error)
    assert record_event(**{field: Decimal("1." + "0" * 100)}).event_id is not None

"""The table of the benchmarks shows each result and whether its aim is met."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.rows import Row, median_ratio


@pytest.mark.parametrize(
    ("ratio", "aim", "verdict"),
    [
        (2.0, {"at_most": 2.0}, "met"),
        (2.1, {"at_most": 2.0}, "MISSED"),
        (0.9, {"at_least": 0.8}, "met"),
        (0.7, {"at_least": 0.8}, "MISSED"),
        (9.0, {}, ""),
    ],
)
def test_an_aim_applies_to_the_ratio(ratio: float, aim: dict[str, float], verdict: str) -> None:
    row = Row(
        language="Go", what="Record()", measured=1, unit="µs", floor="raw", ratio=ratio, **aim
    )
    assert row.verdict() == verdict


def test_an_aim_without_a_floor_applies_to_the_measured_value() -> None:
    row = Row(language="Go", what="a queued event", measured=701, unit="bytes", at_most=700)
    assert row.verdict() == "MISSED"


def test_a_ratio_compares_values_of_the_same_round() -> None:
    assert median_ratio([2, 30, 8], [1, 10, 2]) == 3


def test_each_row_is_a_line_of_the_table() -> None:
    rows = [
        Row(
            language="Python",
            what="record()",
            measured=1.234,
            unit="µs",
            floor="raw",
            ratio=1.5,
            at_most=2.0,
        ),
        Row(language="codegen", what="generate", measured=1234, unit="MB"),
    ]
    assert bench.table(rows).splitlines() == [
        "language  what      measured  floor  ratio  aim",
        "────────  ────────  ────────  ─────  ─────  ───  ───",
        "Python    record()   1.23 µs  raw     1.50  ≤ 2  met",
        "codegen   generate  1,234 MB",
    ]


def test_every_benchmark_is_a_module() -> None:
    folder = Path(bench.__file__).parent
    assert [name for name in bench.BENCHMARKS if not (folder / f"{name}.py").is_file()] == []


def test_an_unknown_benchmark_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["rust_sdk"]) == 2
    assert "rust_sdk: expected one of codegen, python_sdk" in capsys.readouterr().err

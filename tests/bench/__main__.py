"""Runs the benchmarks and prints one table: python -m tests.bench [NAME…]; all without a name.

A benchmark is a module of this folder that prints rows (see rows.py). Run nothing else meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from tests.bench.rows import ROOT, Row

BENCHMARKS = (
    *("codegen", "python_sdk", "python_counting", "go_sdk", "typescript_sdk"),
    *("sink", "store", "store_rollup", "api", "sizes", "builds", "other_clients"),
)
_HEAD = ("language", "what", "measured", "floor", "ratio", "aim", "")
_RIGHT = frozenset({"measured", "ratio"})
_read = msgspec.json.Decoder(Row).decode


def run(name: str) -> list[Row]:
    """Runs one benchmark and returns its rows."""
    print(f"{name} …", file=sys.stderr, end=" ", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", f"tests.bench.{name}"]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        sys.exit(f"the benchmark {name} failed with exit code {ended.returncode}; see above")
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return [_read(line) for line in ended.stdout.splitlines()]


def figure(value: float) -> str:
    """Formats three significant digits, never with an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """Formats the rows as lines of a table with one header."""
    cells = [
        (
            row.language,
            row.what,
            f"{figure(row.measured)} {row.unit}",
            row.floor or "",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.aim(),
            row.verdict(),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    lines = []
    for line in (_HEAD, ["─" * width for width in widths], *cells):
        aligned = (
            cell.rjust(width) if head in _RIGHT else cell.ljust(width)
            for head, cell, width in zip(_HEAD, line, widths, strict=True)
        )
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def main(names: Sequence[str]) -> int:
    """Runs the benchmarks; returns 0 even if an aim is missed, as it may be on a busy machine."""
    if unknown := set(names) - set(BENCHMARKS):
        print(
            f"{', '.join(sorted(unknown))}: expected one of {', '.join(BENCHMARKS)}",
            file=sys.stderr,
        )
        return 2
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        print(f"load {load:.0f} on {cores} cores: the results are not reliable", file=sys.stderr)
    rows = [row for name in names or BENCHMARKS for row in run(name)]
    missed = sum(row.verdict() == "MISSED" for row in rows)
    print(f"\n{table(rows)}\n")
    print("A ratio is the median, over rounds, of the measured value by the floor of that round.")
    print(f"aims: {sum(row.verdict() == 'met' for row in rows)} met, {missed} missed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

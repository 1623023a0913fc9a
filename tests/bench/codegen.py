"""Measures the time and memory of the generator with 100, 1,000 and 10,000 metric types.

    python -m tests.bench.codegen [--repeat 3] [SIZE…]

Each row is the fastest run of `python -m codegen generate`, all targets, into an empty folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rows import ROOT, Row, emit

_METRIC_TYPES_PER_PRODUCT = 50
_REQUIRED_EVERY = 10
LARGEST, SECONDS_AIM, MEGABYTES_AIM = 10_000, 5, 250


@dataclass(frozen=True, slots=True)
class Run:
    """The cost of one run of the generator."""

    seconds: float
    megabytes: float


def catalog(size: int) -> str:
    """Returns the repository's catalog with this many generated metric types as its products."""
    text = (ROOT / "schema" / "catalog.yaml").read_text(encoding="utf-8")
    lines = [text[: text.index("\nunits:")], "units:", "  call: {title: calls, dimension: count}"]
    lines.append("products:")
    for number in range(size):
        product, metric = divmod(number, _METRIC_TYPES_PER_PRODUCT)
        if metric == 0:
            lines += [
                f"  product_{product:04}:",
                f"    title: Product {product}",
                f"    owner: team_{product % 17}",
                f"    description: Does what customers of product {product} pay for.",
                "    metric_types:",
            ]
        lines += [
            f"      metric_{metric:02}:",
            "        unit: call",
            f"        description: Calls of kind {metric} that product {product} served in time.",
        ]
        if number % _REQUIRED_EVERY == 0:
            lines.append("        metadata: {required: [request]}")
    return "\n".join(lines) + "\n"


def measure(schema: Path, root: Path) -> Run:
    """Runs the generator as a process; the kernel accounts for its memory and its children's."""
    command = [sys.executable, "-m", "codegen", "generate"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--schema", str(schema), "--root", str(root)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the generator failed with exit status {process.returncode}")
    return Run(seconds, usage.ru_maxrss / 1024)


def best(size: int, repeat: int) -> Run:
    """Returns the fastest of several runs, each into an empty folder."""
    runs = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            schema, root = Path(folder, "schema"), Path(folder, "root")
            shutil.copytree(ROOT / "schema", schema)
            (schema / "catalog.yaml").write_text(catalog(size), encoding="utf-8")
            root.mkdir()
            runs.append(measure(schema, root))
    return min(runs, key=lambda run: run.seconds)


def main() -> None:
    """Measures each size; the largest has the aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", metavar="SIZE", nargs="*", type=int, default=[100, 1_000, LARGEST])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for size in options.sizes:
        run = best(size, options.repeat)
        for figure, unit, aim in (
            (run.seconds, "s", SECONDS_AIM),
            (run.megabytes, "MB", MEGABYTES_AIM),
        ):
            emit(
                Row(
                    language="codegen",
                    what=f"generate, {size:,} metric types",
                    measured=figure,
                    unit=unit,
                    at_most=aim if size == LARGEST else None,
                )
            )


if __name__ == "__main__":
    main()

"""Runs the Go SDK's own benchmark and prints its results as rows."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence

from tests.bench.rows import BIN, ROOT, Row, emit, median_ratio

_COMMAND = ("test", "-run", "^$", "-bench", "Caller|Spool|Many", "-benchtime", "9x", "./ekausage")
_COUNTING = ("test", "-run", "^$", "-bench", "Counting$", "-benchmem", "-count", "5", "./ekausage")
_FLOOR = "TryProduce() of fresh bytes"
RECORD_AIM, ALLOCATIONS_AIM = 1.3, 0.5
COUNTING_AIM = 60
BATCH_AIMS = {"off": 0.85, "durable": 0.6}
DURABLE_AIM, SPILL_AIM, REPLAY_AIM = 2.0, 1.1, 50_000


def main() -> None:
    """Runs the benchmarks and emits a row for each result."""
    found = {
        name: float(value) for value, name in re.findall(r"([\d.]+) (\w+/\w+)", _run(_COMMAND))
    }
    for what, name, aim in (
        ("Record(): caller", "record", RECORD_AIM),
        ("Record(): delivered", "delivered", None),
        ("Record(), 3 metadata keys: caller", "metadata", None),
    ):
        emit(
            Row(
                language="Go",
                what=what,
                measured=found[f"ns/{name}"] / 1000,
                unit="µs",
                floor=_FLOOR,
                ratio=found[f"{name}/floor"],
                at_most=aim,
            )
        )
    allocations = found["allocs/record"]
    emit(
        Row(
            language="Go",
            what="Record(): allocations",
            measured=allocations,
            unit="per event",
            at_most=ALLOCATIONS_AIM,
        )
    )
    _batches(found)
    _spool(found)
    _counting()


def _run(command: Sequence[str]) -> str:
    run = subprocess.run(
        [BIN / "go", *command], cwd=ROOT / "sdks/go", capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return run.stdout


def _counting() -> None:
    output = _run(_COUNTING)

    def found(name: str, unit: str) -> list[float]:
        figures = re.findall(rf"Benchmark{name}(?:-\d+)?\s.*?([\d.]+) {unit}/op", output)
        return [float(figure) for figure in figures]

    time = statistics.median(found("Counting", "ns"))
    what = "counting for metrics, alone in a loop"
    emit(Row(language="Go", what=what, measured=time, unit="ns", at_most=COUNTING_AIM))
    what = "counting for metrics: allocations"
    allocations = max(found("Counting", "allocs"))
    emit(Row(language="Go", what=what, measured=allocations, unit="per event", at_most=0))
    off, on = (found(f"RecordCounting/on={word}", "ns") for word in ("false", "true"))
    emit(
        Row(
            language="Go",
            what="RecordMetric(), counted, not sent: caller",
            measured=statistics.median(on) / 1000,
            unit="µs",
            floor="RecordMetric(), not sent",
            ratio=median_ratio(on, off),
        )
    )


def _batches(found: Mapping[str, float]) -> None:
    for mode, aim in BATCH_AIMS.items():
        where = "" if mode == "off" else f", {mode}"
        emit(
            Row(
                language="Go",
                what=f"RecordMany(), 100 events{where}: caller",
                measured=found[f"ns/many_{mode}"] / 1000,
                unit="µs",
                floor=f"RecordUsage(){where}",
                ratio=found[f"many/single_{mode}"],
                at_most=aim,
            )
        )


def _spool(found: Mapping[str, float]) -> None:
    for callers in (1, 8):
        by = "" if callers == 1 else f", {callers} callers"
        for mode, floor, aim in (
            ("durable", "floor", DURABLE_AIM),
            ("spill", "off", SPILL_AIM),
        ):
            emit(
                Row(
                    language="Go",
                    what=f"Record(), {mode}: caller{by}",
                    measured=found[f"ns/{mode}_{callers}"] / 1000,
                    unit="µs",
                    floor=_FLOOR if floor == "floor" else "Record(), off",
                    ratio=found[f"{mode}_{callers}/{floor}"],
                    at_most=aim,
                )
            )
    emit(
        Row(
            language="Go",
            what="replay from disk",
            measured=found["replayed/s"],
            unit="events/s",
            at_least=REPLAY_AIM,
        )
    )


if __name__ == "__main__":
    main()

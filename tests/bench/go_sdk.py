"""The Go SDK's own benchmark, in rows."""

from __future__ import annotations

import re
import subprocess

from tests.bench.rows import BIN, ROOT, Row, emit

_COMMAND = ("test", "-run", "^$", "-bench", "Caller", "-benchtime", "9x", "./ekausage")
_FLOOR = "TryProduce() of fresh bytes"
RECORD_AIM, ALLOCATIONS_AIM = 1.3, 0.5


def main() -> None:
    """Run it, and name what it measured."""
    run = subprocess.run(
        [BIN / "go", *_COMMAND], cwd=ROOT / "sdks/go", capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    found = {name: float(value) for value, name in re.findall(r"([\d.]+) (\w+/\w+)", run.stdout)}
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
            unit="an event",
            at_most=ALLOCATIONS_AIM,
        )
    )


if __name__ == "__main__":
    main()

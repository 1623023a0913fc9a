"""Runs the checks, linters and test suites one after another, all of them, and sums up.

python tests/run.py [check] [lint] [test]    without a name: everything
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.prefix) / "bin"
GROUPS = ("check", "lint", "test")
GO_MODULES = ("infra/devbroker", "sdks/go")


@dataclass(frozen=True)
class Part:
    """One command; it fails when its exit code isn't 0."""

    group: str
    name: str
    command: str
    folder: str = "."


@dataclass(frozen=True)
class Result:
    """How a part ended; its last line is what the tool itself says about it."""

    part: Part
    ok: bool
    seconds: float
    last_line: str

    def __str__(self) -> str:
        word = "ok    " if self.ok else "FAILED"
        return f"  {word}  {self.part.name:<24} {self.seconds:6.1f} s  {self.last_line}"


PARTS = (
    Part("check", "catalog, generated files", "python -m codegen check"),
    Part("check", "SDK parity", "python -m tests.conformance.parity check"),
    Part("lint", "ruff check", "ruff check ."),
    Part("lint", "ruff format", "ruff format --check ."),
    Part("lint", "mypy", "mypy"),
    Part("lint", "pyright", "pyright"),
    Part("lint", "import directions", "lint-imports --no-logo --no-cache"),
    Part("lint", "gofmt", "gofmt -d " + " ".join(GO_MODULES)),
    *(Part("lint", f"go vet {module}", "go vet ./...", module) for module in GO_MODULES),
    Part("lint", "TypeScript", "npm run --silent check", "sdks/typescript"),
    Part("test", "pytest", "pytest -n auto --maxprocesses 4 --basetemp .cache/tmp"),
    *(Part("test", f"go test {module}", "go test ./...", module) for module in GO_MODULES),
    Part("test", "TypeScript tests", "npm run --silent test", "sdks/typescript"),
)


def run(part: Part) -> Result:
    """Run it with its output shown as it comes."""
    print(f"\n--- {part.name}: {part.command}", flush=True)
    started = time.monotonic()
    output = bytearray()
    with subprocess.Popen(
        part.command.split(),
        cwd=ROOT / part.folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65536):
            output += chunk
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    lines = output.decode(errors="replace").strip().splitlines()
    last_line = lines[-1].strip("= ") if lines else ""
    return Result(part, process.returncode == 0, time.monotonic() - started, last_line)


def main(groups: list[str]) -> int:
    """Run the named groups; 0 if every part of them passed."""
    if unknown := set(groups) - set(GROUPS):
        print(f"{', '.join(sorted(unknown))}: not one of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    results = [run(part) for part in PARTS if not groups or part.group in groups]
    print("\nSummary")
    print(*results, sep="\n")
    failed = sum(not result.ok for result in results)
    print(f"\n{time.monotonic() - started:.0f} s")
    print(f"parts: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs all checks, linters and test suites, two at a time, and prints a summary.

python tests/run.py [check] [lint] [test]    without a group: everything
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.prefix) / "bin"
GROUPS = ("check", "lint", "test")
GO_MODULES = (
    "infra/devbroker",
    "sdks/go",
    "sdks/go/ekausage/prometheus",
    "sdks/go/ekausage/opentelemetry",
    "sdks/go/internal/driver",
    "tests/api/billing_client",
)
OK, FAILED, SKIPPED = "ok", "FAILED", "skipped"
# Most suites wait more than they compute: for brokers, outages and timeouts.
AT_ONCE = 2
PYTEST_WORKERS = 4


@dataclass(frozen=True)
class Part:
    """One command; skipped on a machine that lacks the program `needs`.

    The output of a `live` part appears as it arrives, of others when they have ended. What is
    `first` runs alone, before the others.
    """

    group: str
    name: str
    command: str
    folder: str = "."
    needs: str = ""
    live: bool = False
    first: bool = False


@dataclass(frozen=True)
class Result:
    """How a part ended, with the last line of its output as the tool's own summary."""

    part: Part
    status: str
    seconds: float
    last_line: str

    def __str__(self) -> str:
        return f"  {self.status:<7}  {self.part.name:<24} {self.seconds:6.1f} s  {self.last_line}"


def _staticcheck(module: str) -> str:
    """The tool has a module of its own, so that the SDK's users do not inherit its dependencies."""
    modfile = os.path.relpath("sdks/go/tools/go.mod", module)
    return f"go tool -modfile={modfile} staticcheck -checks all ./..."


# The longest of those that run side by side is the first: the others run beside it.
PARTS = (
    # Two suites use it, and would build it at once.
    Part("test", "TypeScript build", "npm run --silent build", "sdks/typescript", first=True),
    Part(
        "test",
        "pytest",
        f"pytest -n {PYTEST_WORKERS} --dist worksteal --basetemp .cache/tmp",
        live=True,
    ),
    Part("check", "catalog, generated files", "python -m codegen check"),
    Part("check", "SDK parity", "python -m tests.conformance.parity check"),
    Part("lint", "ruff check", "ruff check ."),
    Part("lint", "ruff format", "ruff format --check ."),
    Part("lint", "mypy", "mypy"),
    Part("lint", "pyright", "pyright"),
    Part("lint", "import directions", "lint-imports --no-logo --no-cache"),
    Part("lint", "gofmt", "gofmt -d " + " ".join(GO_MODULES)),
    *(Part("lint", f"go vet {module}", "go vet ./...", module) for module in GO_MODULES),
    *(Part("lint", f"staticcheck {module}", _staticcheck(module), module) for module in GO_MODULES),
    Part("lint", "TypeScript", "npm run --silent check", "sdks/typescript"),
    *(Part("test", f"go test {module}", "go test ./...", module) for module in GO_MODULES),
    Part(
        "test",
        "go test -race sdks/go",
        "env CGO_ENABLED=1 go test -race ./...",
        "sdks/go",
        needs="gcc",
    ),
    Part(
        "test",
        "go test with librdkafka",
        "env CGO_ENABLED=1 go test -tags confluent ./...",
        "sdks/go/confluent",
        needs="gcc",
    ),
    Part("test", "SDKs on Apache Kafka", "python -m tests.e2e.sdks", needs="mvn"),
    Part("test", "TypeScript tests", "npm run --silent test", "sdks/typescript"),
)


def run(part: Part) -> Result:
    """Runs a part and prints its output."""
    header = f"\n--- {part.name}: {part.command}\n".encode()
    if part.needs and shutil.which(part.needs) is None:
        _print(header)
        return Result(part, SKIPPED, 0, f"{part.needs} is not installed")
    started = time.monotonic()
    if part.live:
        _print(header)
    output = bytearray()
    with subprocess.Popen(
        part.command.split(),
        cwd=ROOT / part.folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for chunk in _chunks(process):
            output += chunk
            if part.live:
                _print(chunk)
    if not part.live:
        _print(header + output)
    lines = output.decode(errors="replace").strip().splitlines()
    last_line = lines[-1].strip("= ") if lines else ""
    return Result(part, FAILED if process.returncode else OK, time.monotonic() - started, last_line)


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    while chunk := os.read(process.stdout.fileno(), 65536):
        yield chunk


def _print(output: bytes) -> None:
    """Prints at once, so that the outputs of two parts do not mix within."""
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()


def main(groups: list[str]) -> int:
    """Runs the named groups; returns 0 if every part passed."""
    if unknown := set(groups) - set(GROUPS):
        print(f"{', '.join(sorted(unknown))}: expected one of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    chosen = [part for part in PARTS if not groups or part.group in groups]
    results = [run(part) for part in chosen if part.first]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results += pool.map(run, (part for part in chosen if not part.first))
    print("\nSummary")
    print(*results, sep="\n")
    counts = Counter(result.status for result in results)
    print(f"\n{time.monotonic() - started:.0f} s")
    skipped = f", {counts[SKIPPED]} skipped" if counts[SKIPPED] else ""
    print(f"parts: {counts[OK]} passed, {counts[FAILED]} failed{skipped}")
    return 1 if counts[FAILED] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

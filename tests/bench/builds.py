"""Measures what a large catalog costs whoever builds with the SDKs: 24 metric types and 10,000.

    python -m tests.bench.builds [--repeat 3] [LANGUAGE…]

Both catalogs go through the generator into copies of the SDKs. The processor time of each step is
compared with that of the smaller catalog in the same run; of several runs, the fastest counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.codegen import LARGEST, catalog
from tests.bench.rows import BIN, ROOT, Row, emit

SMALLEST = 24
_TYPESCRIPT = ROOT / "sdks" / "typescript"
_KEPT_APART = shutil.ignore_patterns("node_modules", "dist", "__pycache__", "tests", "*.egg-info")
_PYTHON_USER = """
from eka_usage import EkaClient, metrics

client = EkaClient("service")
client.record("ws-1", "product_0000", "metric_00", 1, metadata={"request": "r-1"})
client.record_metric("ws-1", metrics.product_0000.metric_01, 1)
"""
_TYPESCRIPT_USER = """
import { EkaClient, metrics } from "@eka-care/usage-sdk";

const client = new EkaClient({ serviceName: "service" });
client.record("ws-1", "product_0000", "metric_00", 1, "ok", null, { request: "r-1" });
client.recordMetric("ws-1", metrics.product_0000.metric_01, 1);
"""
_TSC = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs: time of all its processes, memory of the largest, size of its result."""

    seconds: float
    megabytes: float
    kilobytes: float = 0


def run(command: Sequence[str | Path], cwd: Path, **variables: str) -> Cost:
    """Runs a command; the kernel accounts for the time and memory of its children too."""
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables},
        stdout=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed with exit status {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Copy:
    """A copy of the SDKs with a catalog of another size."""

    def __init__(self, folder: Path, size: int) -> None:
        self.root = folder / str(size)
        self.go = self.root / "sdks" / "go"
        self.python = self.root / "sdks" / "python" / "src"
        self.typescript = self.root / "sdks" / "typescript"
        self.user = self.root / "user"
        shutil.copytree(ROOT / "schema", self.root / "schema")
        (self.root / "schema" / "catalog.yaml").write_text(catalog(size), encoding="utf-8")
        for sdk in ("go", "python", "typescript"):
            shutil.copytree(ROOT / "sdks" / sdk, self.root / "sdks" / sdk, ignore=_KEPT_APART)
        (self.typescript / "node_modules").symlink_to(_TYPESCRIPT / "node_modules")
        scope = self.user / "node_modules" / "@eka-care"
        scope.mkdir(parents=True)
        (scope / "usage-sdk").symlink_to(self.typescript)
        (self.user / "user.py").write_text(_PYTHON_USER, encoding="utf-8")
        (self.user / "user.ts").write_text(_TYPESCRIPT_USER, encoding="utf-8")

    def generate(self) -> Cost:
        """Generates all targets anew."""
        command = [sys.executable, "-m", "codegen", "generate"]
        return run([*command, "--schema", self.root / "schema", "--root", self.root], ROOT)

    def build_go(self) -> Cost:
        """Builds the Go package; only its own code, as its dependencies are in the cache."""
        for folder in (Path("ekausage"), Path("ekausage", "internal", "encode")):
            changed = self.go / folder / "changed.go"
            text = f"package {folder.name}\n\nconst _ = {time.time_ns()}\n"
            changed.write_text(text, encoding="utf-8")
        return run(["go", "build", "./ekausage"], self.go)

    def import_python(self) -> Cost:
        """Imports the Python package without bytecode of its own."""
        command = [sys.executable, "-B", "-c", "import eka_usage"]
        return run(command, self.user, PYTHONPATH=str(self.python))

    def check_python(self) -> Cost:
        """Checks a user's file with mypy, which has nothing in its cache.

        Errors in the package are of no interest to it, as of one that is installed.
        """
        shutil.rmtree(self.user / ".mypy_cache", ignore_errors=True)
        command = ["mypy", "--strict", "--config-file=", "--follow-imports=silent", "user.py"]
        return run([BIN / command[0], *command[1:]], self.user, MYPYPATH=str(self.python))

    def build_typescript(self) -> Cost:
        """Builds the TypeScript package."""
        tsc = _TYPESCRIPT / "node_modules" / ".bin" / "tsc"
        return run([tsc, "--project", "tsconfig.build.json"], self.typescript)

    def check_typescript(self) -> Cost:
        """Checks a user's file against the built package."""
        tsc = _TYPESCRIPT / "node_modules" / ".bin" / "tsc"
        types = ("--types", "node", "--typeRoots", _TYPESCRIPT / "node_modules" / "@types")
        return run([tsc, *_TSC, *types, "user.ts"], self.user)

    def bundle(self) -> Cost:
        """Bundles a user's file with esbuild."""
        esbuild = _TYPESCRIPT / "tests" / "projects" / "node_modules" / ".bin" / "esbuild"
        options = ("--bundle", "--minify", "--platform=node", "--format=esm", "--log-level=warning")
        result = self.user / "bundle.mjs"
        external = "--external:@platformatic/kafka"
        cost = run([esbuild, "user.ts", *options, external, f"--outfile={result}"], self.user)
        return Cost(cost.seconds, cost.megabytes, result.stat().st_size / 1000)


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the most that it may cost, as a ratio, with the largest catalog."""

    language: str
    what: str
    cost: Callable[[Copy], Cost]
    at_most: float | None = None


STEPS = (
    Step("codegen", "generate", Copy.generate, 3),
    Step("Go", "go build", Copy.build_go, 4),
    Step("Python", "import without bytecode", Copy.import_python, 3),
    Step("Python", "mypy of a user's file", Copy.check_python, 3),
    Step("TypeScript", "tsc of the package", Copy.build_typescript),
    Step("TypeScript", "tsc of a user's file", Copy.check_typescript, 3),
    Step("TypeScript", "bundle of a user's file", Copy.bundle),
)


def rows(step: Step, size: int, cost: Cost, least: Cost) -> Iterator[Row]:
    """Yields the results of one step: its time as a ratio, its memory, the size of its result."""
    what = f"{step.what}, {size:,} metric types"
    yield Row(
        language=step.language,
        what=what,
        measured=cost.seconds,
        unit="s",
        floor=f"{SMALLEST} of them",
        ratio=cost.seconds / least.seconds,
        at_most=step.at_most if size == LARGEST else None,
    )
    yield Row(language=step.language, what=what, measured=cost.megabytes, unit="MB")
    if cost.kilobytes:
        yield Row(language=step.language, what=what, measured=cost.kilobytes, unit="kB")


def main() -> None:
    """Measures each step with both catalogs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", metavar="LANGUAGE", nargs="*", help="all without one")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    subprocess.run([BIN / "go", "build", "./..."], cwd=ROOT / "sdks" / "go", check=True)
    with tempfile.TemporaryDirectory() as folder:
        copies = [Copy(Path(folder), size) for size in (SMALLEST, LARGEST)]
        for step in STEPS:
            if step.language not in {"codegen", *(options.languages or (step.language,))}:
                continue
            least, most = (
                min((step.cost(copy) for _ in range(options.repeat)), key=lambda cost: cost.seconds)
                for copy in copies
            )
            for row in (*rows(step, SMALLEST, least, least), *rows(step, LARGEST, most, least)):
                emit(row)


if __name__ == "__main__":
    main()

"""Breaks one table or rule of one SDK at a time, and checks that its tests detect it.

python -m tests.conformance.mutations    works in a copy; exit code 1 if a mutation survives
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conformance.mutants import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
PACKAGES = yaml.safe_load((ROOT / "schema/sdk.yaml").read_bytes())["packages"]
WORKERS = 2


@dataclass(frozen=True)
class Check:
    """A command in a folder of the copy, and how its output names the first failure."""

    folder: str
    command: str
    failed: str


@dataclass(frozen=True)
class Outcome:
    """The case that detected a mutation; empty if the mutation survived."""

    language: str
    mutation: Mutation
    case: str


_TOOLS = {
    "python": (".", f"{sys.executable} -m pytest -q -x -p no:randomly", r"^FAILED \S+::(\S+)"),
    "go": ("sdks/go", f"{BIN}/go test -count=1 -failfast -run", r"^ *--- FAIL: (\S+/\S+)"),
    "typescript": (
        "sdks/typescript",
        f"{BIN}/npx --no-install vitest run --bail=1 --color=false",
        r"^ FAIL  \S+ (?:.*? )?> (.*?)$",
    ),
}


def _check(language: str, tests: str, failed: str = "") -> Check:
    folder, command, fails = _TOOLS[language]
    return Check(folder, f"{command} {tests}", failed or fails)


VECTORS = {
    "python": _check("python", "sdks/python/tests/test_vectors.py", r"^FAILED \S+::\w+\[(.*?)\]"),
    "go": _check("go", "TestVectors ./ekausage", r"^    --- FAIL: TestVectors/(\S+)"),
    "typescript": _check(
        "typescript", "tests/vectors.test.ts", r"^ FAIL  tests/vectors.test.ts > .*? > (.*?)$"
    ),
}

CHECKS = {
    "python": {
        "vectors": VECTORS["python"],
        "batches": _check("python", "sdks/python/tests/test_batches.py"),
        "sessions": _check("python", "sdks/python/tests/test_sessions.py"),
        "metadata": _check(
            "python", "sdks/python/tests/test_call_options.py sdks/python/tests/test_trace.py"
        ),
    },
    "go": {
        "vectors": VECTORS["go"],
        "batches": _check("go", "TestRecordMany|TestRecordAmounts ./ekausage"),
        "sessions": _check("go", "TestSession|TestBoundaries|TestVoid ./ekausage"),
        "rounding": _check("go", "TestUnits ./ekausage/internal/encode"),
        "metadata": _check(
            "go",
            "TestValuesAboutPersons|TestTrace ./ekausage/internal/encode ./ekausage",
        ),
    },
    "typescript": {
        "vectors": VECTORS["typescript"],
        "batches": _check("typescript", "tests/batch.test.ts"),
        "sessions": _check("typescript", "tests/sessions.test.ts"),
        "metadata": _check("typescript", "tests/exempt.test.ts tests/trace.test.ts"),
    },
}

CODEGEN = Check(".", f"{sys.executable} -m codegen check --root .", r"^(\S+?):\S+ error\[edited\]")


def main() -> int:
    """Runs all mutations, two languages at a time, and prints the results."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        started = [pool.submit(_mutate, name, Path(folder, name)) for name in MUTATIONS]
        outcomes = [outcome for each in started for outcome in each.result()]
    sys.stdout.write(f"{'SDK':<12}{'mutation':<21}{'file':<42}{'check':<15}detected by\n")
    for outcome in outcomes:
        mutation = outcome.mutation
        detected = outcome.case or "SURVIVED"
        sys.stdout.write(
            f"{outcome.language:<12}{mutation.what:<21}{mutation.file:<42}{mutation.check:<15}{detected}\n"
        )
    survivors = sum(not outcome.case for outcome in outcomes)
    sys.stdout.write(f"{len(outcomes)} mutations, {survivors} survived\n")
    return 1 if survivors else 0


def source(language: str, mutation: Mutation, root: Path = ROOT) -> Path:
    """Returns the path of the file that a mutation changes."""
    return root / str(PACKAGES[language]["path"]) / mutation.file


def _mutate(language: str, copy: Path) -> list[Outcome]:
    copy_project(copy)
    for check in (*CHECKS[language].values(), CODEGEN):
        passed, output = run_check(check, copy)
        if not passed:
            raise SystemExit(f"{language}: fails before any mutation:\n{output}")
    return [
        Outcome(language, mutation, _detected_by(language, mutation, copy))
        for mutation in MUTATIONS[language]
    ]


def _detected_by(language: str, mutation: Mutation, copy: Path) -> str:
    path = source(language, mutation, copy)
    before = path.read_text(encoding="utf-8")
    path.write_text(mutation.applied(before), encoding="utf-8")
    check = CHECKS[language].get(mutation.check, CODEGEN)
    passed, output = run_check(check, copy)
    path.write_text(before, encoding="utf-8")
    if passed:
        return ""
    case = re.search(check.failed, output, re.MULTILINE)
    if case is None:
        raise SystemExit(f"{language}, {mutation.what}: failed without a failing case:\n{output}")
    return case[1]


def run_check(check: Check, copy: Path, packages: str = "") -> tuple[bool, str]:
    """Runs a check in a copy of the project; returns whether it passed, and its output.

    Python's package is that of the copy, unless there is a folder of installed ones.
    """
    run = subprocess.run(
        check.command.split(),
        cwd=copy / check.folder,
        env={
            **os.environ,
            "PYTHONPATH": packages or str(copy / "sdks/python/src"),
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode == 0, run.stdout


def copy_project(copy: Path) -> None:
    """Copies the tracked and new files, and links the Node packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    modules = "sdks/typescript/node_modules"
    (copy / modules).symlink_to(ROOT / modules)


if __name__ == "__main__":
    sys.exit(main())

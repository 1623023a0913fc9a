"""Breaks one generated table of one SDK at a time, and checks that its tests detect it.

python -m tests.conformance.mutations    works in a copy; exit code 1 if a mutation survives
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
PACKAGES = yaml.safe_load((ROOT / "schema/sdk.yaml").read_bytes())["packages"]
WORKERS = 2


@dataclass(frozen=True)
class Mutation:
    """Replaces the second group of the first match of a pattern in a generated file."""

    what: str
    file: str
    pattern: str
    replace: Callable[[str], str]
    check: str = "vectors"

    def applied(self, text: str) -> str:
        """Returns the mutated text."""
        match = re.search(self.pattern, text, re.DOTALL)
        if match is None:
            raise LookupError(f"{self.file}: nothing matches {self.pattern}; fix the mutation")
        return text[: match.start(2)] + self.replace(match[2]) + text[match.end(2) :]


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


def one_more(number: str) -> str:
    """Returns a limit that is off by one."""
    return str(int(number) + 1)


def misspelled(name: str) -> str:
    """Returns a name that no catalog has."""
    return f"{name}x"


def negated(value: str) -> str:
    """Returns the opposite."""
    return {"1": "0", "true": "false"}[value]


_ENCODE = "internal/encode/zz_generated_"
_FIELDS = f"{_ENCODE}fields.go"

MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "python": (
        Mutation("a maximum length", "limits.py", r"(_MAX_LENGTH: Final = )(\d+)", one_more),
        Mutation("a maximum size", "limits.py", r"(_MAX_BYTES: Final = )(\d+)", one_more),
        Mutation("a time limit", "limits.py", r"(_AHEAD_MS: Final = )(\d+)", one_more),
        Mutation("a field name", "encoder.py", r'(,")(\w+)(?=":)', misspelled),
        Mutation(
            "a metric type", "metrics.py", r'(\n\[")(\w+)(?=", "[^"]+", "[^"]+", ")', misspelled
        ),
        Mutation("a billable status", "catalog.py", r'(BILLABLE.*?": )(1)', negated),
        Mutation("an error's field", "errors.py", r'(ErrorText\("[^"]*", ")(\w+)', misspelled),
        Mutation("a field's length", "fields.py", r'("vendor".*?max_length=)(\d+)', one_more),
        Mutation("a list's length", "fields.py", r'("tags".*?max_items=)(\d+)', one_more),
        Mutation("a number's digits", "fields.py", r"(max_digits=)(\d+)", one_more),
        Mutation("an excluded field", "fields.py", r'(excludes=\(")(\w+)', misspelled),
        Mutation("a value of an enum", "fields.py", r'(values=\(")(\w+)', misspelled),
        Mutation("a default", "settings.py", r"( default=)(\d+)", one_more, "codegen check"),
    ),
    "go": (
        Mutation("a maximum length", _ENCODE + "limits.go", r"(MaxLength = )(\d+)", one_more),
        Mutation("a maximum size", _ENCODE + "limits.go", r"(MaxBytes = )(\d+)", one_more),
        Mutation("a time limit", _ENCODE + "limits.go", r"(AheadMs = )(\d+)", one_more),
        Mutation("a field name", _ENCODE + "encoder.go", r'(\\",\\")(\w+)(?=\\":)', misspelled),
        Mutation("a metric type", _ENCODE + "catalog.go", r'(\n\t\{"\w+", ")(\w+)', misspelled),
        Mutation("a lookup", _ENCODE + "catalog.go", r'(\n\t\tcase ")(\w+)', misspelled),
        Mutation("a billable status", _ENCODE + "catalog.go", r'(\n\t\{"\w+", )(true)', negated),
        Mutation(
            "an error's field",
            "zz_generated_errors.go",
            r'(\{Code\w+, "rejected", ")(\w+)',
            misspelled,
        ),
        Mutation("a field's length", _FIELDS, r'("vendor".*?maxLength: )(\d+)', one_more),
        Mutation("a list's length", _FIELDS, r'("tags".*?maxItems: )(\d+)', one_more),
        Mutation("a number's digits", _FIELDS, r"(maxDigits: )(\d+)", one_more),
        Mutation("an excluded field", _FIELDS, r'(excludes: \[\]string\{")(\w+)', misspelled),
        Mutation("a value of an enum", _FIELDS, r'(values: \[\]string\{")(\w+)', misspelled),
        Mutation(
            "a default",
            "zz_generated_settings.go",
            r'("\w+", ")(\d+)(?=", )',
            one_more,
            "codegen check",
        ),
    ),
    "typescript": (
        Mutation("a maximum length", "limits.ts", r"(maxLength: )(\d+)", one_more),
        Mutation("a maximum size", "limits.ts", r"(maxBytes: )(\d+)", one_more),
        Mutation("a time limit", "limits.ts", r"(aheadMs: )(\d+)", one_more),
        Mutation("a field name", "encoder.ts", r'(,")(\w+)(?=":)', misspelled),
        Mutation("a metric type", "metrics.ts", r'(\n  \w+: ")(\w+)', misspelled),
        Mutation("a billable status", "catalog.ts", r"(billable: )(true)", negated),
        Mutation("an error's field", "errors.ts", r'(field: ")(\w+)', misspelled),
        Mutation("a field's length", "fields.ts", r'("vendor".*?maxLength: )(\d+)', one_more),
        Mutation("a list's length", "fields.ts", r'("tags".*?maxItems: )(\d+)', one_more),
        Mutation("a number's digits", "fields.ts", r"(maxDigits: )(\d+)", one_more),
        Mutation("an excluded field", "fields.ts", r'(excludes: \[")(\w+)', misspelled),
        Mutation("a value of an enum", "fields.ts", r'(values: \[")(\w+)', misspelled),
        Mutation("a default", "settings.ts", r"(default: )(\d+)", one_more, "codegen check"),
    ),
}

# The folder of the generated files of a language, within its package.
GENERATED = {"python": "_generated/", "go": "", "typescript": "generated/"}

VECTORS = {
    "python": Check(
        ".",
        f"{sys.executable} -m pytest -q -x -p no:randomly sdks/python/tests/test_vectors.py",
        r"^FAILED \S+::\w+\[(.*?)\]",
    ),
    "go": Check(
        "sdks/go",
        f"{BIN}/go test -count=1 -failfast -run TestVectors ./ekausage",
        r"^    --- FAIL: TestVectors/(\S+)",
    ),
    "typescript": Check(
        "sdks/typescript",
        f"{BIN}/npx --no-install vitest run --bail=1 --color=false tests/vectors.test.ts",
        r"^ FAIL  tests/vectors.test.ts > .*? > (.*?)$",
    ),
}

CHECK = Check(".", f"{sys.executable} -m codegen check --root .", r"^(\S+?):\S+ error\[edited\]")


def main() -> int:
    """Runs all mutations, two languages at a time, and prints the results."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        started = [pool.submit(_mutate, name, Path(folder, name)) for name in MUTATIONS]
        outcomes = [outcome for each in started for outcome in each.result()]
    sys.stdout.write(f"{'SDK':<12}{'mutation':<20}{'file':<42}{'check':<15}detected by\n")
    for outcome in outcomes:
        mutation = outcome.mutation
        file = GENERATED[outcome.language] + mutation.file
        detected = outcome.case or "SURVIVED"
        sys.stdout.write(
            f"{outcome.language:<12}{mutation.what:<20}{file:<42}{mutation.check:<15}{detected}\n"
        )
    survivors = sum(not outcome.case for outcome in outcomes)
    sys.stdout.write(f"{len(outcomes)} mutations, {survivors} survived\n")
    return 1 if survivors else 0


def generated(language: str, file: str, root: Path = ROOT) -> Path:
    """Returns the path of a generated file of an SDK."""
    return root / str(PACKAGES[language]["path"]) / f"{GENERATED[language]}{file}"


def _mutate(language: str, copy: Path) -> list[Outcome]:
    copy_project(copy)
    for check in (VECTORS[language], CHECK):
        passed, output = run_check(check, copy)
        if not passed:
            raise SystemExit(f"{language}: fails before any mutation:\n{output}")
    return [
        Outcome(language, mutation, _detected_by(language, mutation, copy))
        for mutation in MUTATIONS[language]
    ]


def _detected_by(language: str, mutation: Mutation, copy: Path) -> str:
    path = generated(language, mutation.file, copy)
    before = path.read_text(encoding="utf-8")
    path.write_text(mutation.applied(before), encoding="utf-8")
    check = VECTORS[language] if mutation.check == "vectors" else CHECK
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

"""Breaks one generated table of one SDK at a time, and sees that the proof of that SDK goes red.

python -m tests.conformance.mutations    works in a copy; exit code 1 if any break is missed
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
    """The first match of a pattern in a generated file, whose second group becomes another."""

    what: str
    file: str
    pattern: str
    other: Callable[[str], str]
    proof: str = "vectors"

    def applied(self, text: str) -> str:
        """The text with the change in it."""
        match = re.search(self.pattern, text, re.DOTALL)
        if match is None:
            raise LookupError(f"{self.file}: nothing matches {self.pattern}; mend the mutation")
        return text[: match.start(2)] + self.other(match[2]) + text[match.end(2) :]


@dataclass(frozen=True)
class Proof:
    """A command in a folder of the copy, and how its output names the first case that failed."""

    folder: str
    command: str
    failed: str


@dataclass(frozen=True)
class Outcome:
    """What a proof said of a mutation; no case means that it noticed nothing."""

    language: str
    mutation: Mutation
    case: str


def one_more(number: str) -> str:
    """A limit that is off by one."""
    return str(int(number) + 1)


def misspelt(name: str) -> str:
    """A name that no catalog has."""
    return f"{name}x"


def denied(truth: str) -> str:
    """What is not so any more."""
    return {"1": "0", "true": "false"}[truth]


MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "python": (
        Mutation("a longest text", "limits.py", r"(_MAX_LENGTH: Final = )(\d+)", one_more),
        Mutation("a size in bytes", "limits.py", r"(_MAX_BYTES: Final = )(\d+)", one_more),
        Mutation("a time ahead", "limits.py", r"(_AHEAD_MS: Final = )(\d+)", one_more),
        Mutation("a field's name", "encoder.py", r'(,")(\w+)(?=":)', misspelt),
        Mutation("a metric type", "metrics.py", r'(Metric\(\s+"\w+",\s+")(\w+)', misspelt),
        Mutation("what is charged", "catalog.py", r'(BILLABLE.*?": )(1)', denied),
        Mutation("an error's field", "errors.py", r'(ErrorText\("[^"]*", ")(\w+)', misspelt),
        Mutation("a default", "settings.py", r"( default=)(\d+)", one_more, "codegen check"),
    ),
    "go": (
        Mutation("a longest text", "limits.go", r"(MaxLength = )(\d+)", one_more),
        Mutation("a size in bytes", "limits.go", r"(MaxBytes = )(\d+)", one_more),
        Mutation("a time ahead", "limits.go", r"(AheadMs = )(\d+)", one_more),
        Mutation("a field's name", "encoder.go", r'(\\",\\")(\w+)(?=\\":)', misspelt),
        Mutation("a metric type", "metrics.go", r'(\n\t\{"\w+", ")(\w+)', misspelt),
        Mutation("a look-up", "metrics.go", r'(\n\t\tcase ")(\w+)', misspelt),
        Mutation("what is charged", "statuses.go", r'(\{"\w+", )(true)', denied),
        Mutation("an error's field", "errors.go", r'(\{Code\w+, "rejected", ")(\w+)', misspelt),
        Mutation("a default", "settings.go", r'("\w+", ")(\d+)(?=", )', one_more, "codegen check"),
    ),
    "typescript": (
        Mutation("a longest text", "limits.ts", r"(maxLength: )(\d+)", one_more),
        Mutation("a size in bytes", "limits.ts", r"(maxBytes: )(\d+)", one_more),
        Mutation("a time ahead", "limits.ts", r"(aheadMs: )(\d+)", one_more),
        Mutation("a field's name", "encoder.ts", r'(,")(\w+)(?=":)', misspelt),
        Mutation("a metric type", "metrics.ts", r'(metricType: ")(\w+)', misspelt),
        Mutation("what is charged", "catalog.ts", r"(billable: )(true)", denied),
        Mutation("an error's field", "errors.ts", r'(field: ")(\w+)', misspelt),
        Mutation("a default", "settings.ts", r"(default: )(\d+)", one_more, "codegen check"),
    ),
}

# Where the generated files of a language are, in its package.
GENERATED = {"python": "_generated/", "go": "zz_generated_", "typescript": "generated/"}

VECTORS = {
    "python": Proof(
        ".",
        f"{sys.executable} -m pytest -q -x -p no:randomly sdks/python/tests/test_vectors.py",
        r"^FAILED \S+::\w+\[(.*?)\]",
    ),
    "go": Proof(
        "sdks/go",
        f"{BIN}/go test -count=1 -failfast -run TestEveryVectorHolds ./ekausage",
        r"^    --- FAIL: TestEveryVectorHolds/(\S+)",
    ),
    "typescript": Proof(
        "sdks/typescript",
        f"{BIN}/npx --no-install vitest run --bail=1 --color=false tests/vectors.test.ts",
        r"^ FAIL  tests/vectors.test.ts > .*? > (.*?)$",
    ),
}

CHECK = Proof(".", f"{sys.executable} -m codegen check --root .", r"^(\S+?):\S+ error\[edited\]")


def main() -> int:
    """Runs all mutations, two languages at a time, and prints what became of them."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        started = [pool.submit(_mutate, name, Path(folder, name)) for name in MUTATIONS]
        outcomes = [outcome for each in started for outcome in each.result()]
    sys.stdout.write(f"{'SDK':<12}{'changed':<18}{'in':<34}{'proof':<15}went red at\n")
    for outcome in outcomes:
        mutation = outcome.mutation
        file = GENERATED[outcome.language] + mutation.file
        said = outcome.case or "SURVIVED"
        sys.stdout.write(
            f"{outcome.language:<12}{mutation.what:<18}{file:<34}{mutation.proof:<15}{said}\n"
        )
    survivors = sum(not outcome.case for outcome in outcomes)
    sys.stdout.write(f"{len(outcomes)} mutations, {survivors} survived\n")
    return 1 if survivors else 0


def generated(language: str, file: str, root: Path = ROOT) -> Path:
    """A generated file of an SDK."""
    return root / str(PACKAGES[language]["path"]) / f"{GENERATED[language]}{file}"


def _mutate(language: str, copy: Path) -> list[Outcome]:
    _copy(copy)
    for proof in (VECTORS[language], CHECK):
        passed, output = _run(proof, copy)
        if not passed:
            raise SystemExit(f"{language}: red before anything is changed:\n{output}")
    return [
        Outcome(language, mutation, _red_at(language, mutation, copy))
        for mutation in MUTATIONS[language]
    ]


def _red_at(language: str, mutation: Mutation, copy: Path) -> str:
    path = generated(language, mutation.file, copy)
    before = path.read_text(encoding="utf-8")
    path.write_text(mutation.applied(before), encoding="utf-8")
    proof = VECTORS[language] if mutation.proof == "vectors" else CHECK
    passed, output = _run(proof, copy)
    path.write_text(before, encoding="utf-8")
    if passed:
        return ""
    case = re.search(proof.failed, output, re.MULTILINE)
    if case is None:
        raise SystemExit(f"{language}, {mutation.what}: broken, not disproved:\n{output}")
    return case[1]


def _run(proof: Proof, copy: Path) -> tuple[bool, str]:
    run = subprocess.run(
        proof.command.split(),
        cwd=copy / proof.folder,
        env={**os.environ, "PYTHONPATH": str(copy / "sdks/python/src"), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode == 0, run.stdout


def _copy(copy: Path) -> None:
    """What git would keep, and the Node packages by a link."""
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

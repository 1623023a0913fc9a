"""The repository's own promises: targets, locks, the run that sums up."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import run

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"dev": ROOT / "tests/requirements.txt", "codegen": ROOT / "codegen/requirements.txt"}


def requirements(group: str) -> list[Requirement]:
    """What a dependency group of pyproject.toml asks for, the included groups' too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found: list[Requirement] = []
    for item in groups[group]:
        found += (
            [Requirement(item)] if isinstance(item, str) else requirements(item["include-group"])
        )
    return found


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions that a lock allows of each package; a marker may choose between several."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("group", LOCKS)
def test_the_lock_satisfies_pyproject(group: str) -> None:
    locked = pins(LOCKS[group])
    unmet = [
        str(wanted)
        for wanted in requirements(group)
        if not (versions := locked.get(canonicalize_name(wanted.name)))
        or not all(version in wanted.specifier for version in versions)
    ]
    assert unmet == [], "run: make lock"


def test_the_generators_lock_is_a_part_of_the_whole_one() -> None:
    whole = pins(LOCKS["dev"])
    assert {name: whole.get(name) for name in pins(LOCKS["codegen"])} == pins(LOCKS["codegen"])


@pytest.mark.parametrize("group", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(group: str) -> None:
    text = LOCKS[group].read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^  make (\S+)", listed.stdout, re.MULTILINE) == phony


def test_a_failing_part_fails_the_run_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    parts = (run.Part("lint", "bad", "false"), run.Part("test", "good", "echo === 3 passed ==="))
    monkeypatch.setattr(run, "PARTS", parts)
    assert run.main([]) == 1
    printed = capfdbinary.readouterr().out.decode()
    assert re.search(r"FAILED +bad .*\n +ok +good .* 3 passed$", printed, re.MULTILINE)
    assert printed.endswith("\nparts: 1 passed, 1 failed\n")
    assert run.main(["test"]) == 0


def test_an_unknown_group_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["lnt"]) == 2
    assert capsys.readouterr().err == "lnt: not one of check, lint, test\n"

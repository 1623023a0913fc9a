"""The repository itself: make targets, lock files, tracked files, the test runner."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import run

ROOT = Path(__file__).resolve().parent.parent
_LARGE = 1_000_000
LOCKS = {
    "dev": ROOT / "tests/requirements.txt",
    "codegen": ROOT / "codegen/requirements.txt",
    "sink": ROOT / "infra/requirements.txt",
    "python-sdk": ROOT / "sdks/python/tests/requirements.txt",
}


def requirements(group: str) -> list[Requirement]:
    """Returns the requirements of a dependency group, with those of the groups it includes."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found: list[Requirement] = []
    for item in groups[group]:
        found += (
            [Requirement(item)] if isinstance(item, str) else requirements(item["include-group"])
        )
    return found


def pins(lock: Path) -> dict[str, set[str]]:
    """Returns the locked versions of each package; a marker may select one of several."""
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


def test_the_lock_of_the_generator_is_a_subset_of_the_full_one() -> None:
    full = pins(LOCKS["dev"])
    assert {name: full.get(name) for name in pins(LOCKS["codegen"])} == pins(LOCKS["codegen"])


@pytest.mark.parametrize("group", LOCKS)
def test_every_locked_package_has_hashes_and_no_url(group: str) -> None:
    text = LOCKS[group].read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^  make (\S+)", listed.stdout, re.MULTILINE) == phony


@pytest.mark.parametrize(
    ("target", "without"),
    [
        ("check", ["npm", "go build", "go mod"]),
        ("generate", ["npm", "go build"]),
    ],
)
def test_a_target_installs_only_what_it_needs(target: str, without: list[str]) -> None:
    command = ["make", "--dry-run", "--always-make", target]
    steps = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m codegen" in steps
    assert [tool for tool in without if tool in steps] == []


def test_a_clone_with_a_space_in_its_path_is_rejected_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "my clone"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    result = subprocess.run(
        ["make", "setup"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert (
        "path of this folder has a space, which make does not support: move the clone"
        in result.stderr
    )
    assert [path.name for path in folder.iterdir()] == ["Makefile"]


def tracked() -> list[Path]:
    """Returns the tracked files that exist in the worktree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_tracked_file_is_a_binary_or_large() -> None:
    assert tracked()
    for path in tracked():
        content = path.read_bytes()
        is_picture = path.parent.name == "docs" and path.suffix == ".png"
        assert is_picture or b"\0" not in content, f"{path} is binary"
        assert len(content) < _LARGE, f"{path} is large"


def test_no_json_file_has_a_duplicate_key() -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"{path}: {sorted(keys)}"
        return dict(pairs)

    for path in tracked():
        if path.suffix == ".json":
            json.loads(path.read_bytes(), object_pairs_hook=unique)


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


def test_a_part_whose_program_is_missing_is_reported_as_skipped(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    parts = (
        run.Part("test", "good", "true"),
        run.Part("test", "no", "false", needs="no-such-tool"),
    )
    monkeypatch.setattr(run, "PARTS", parts)
    assert run.main([]) == 0
    printed = capfdbinary.readouterr().out.decode()
    assert re.search(r"skipped +no .* no-such-tool is not installed$", printed, re.MULTILINE)
    assert printed.endswith("\nparts: 1 passed, 0 failed, 1 skipped\n")


def test_an_unknown_group_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["lnt"]) == 2
    assert capsys.readouterr().err == "lnt: expected one of check, lint, test\n"

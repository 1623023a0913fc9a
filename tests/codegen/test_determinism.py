"""The same schema gives the same bytes everywhere; a killed run leaves only complete files."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.codegen.tools import GOLDEN, REPOSITORY, codegen, tree

SCHEMA = GOLDEN / "hostile" / "schema"
KILLS = 8
# All but python, the slowest one until a run writes its first file.
FAST_TARGETS = ("--target", "go", "typescript", "docs", "infra")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return generated("hostile", tmp_path_factory.mktemp("expected"))


def generated(case: str, root: Path, *options: str) -> dict[str, bytes]:
    schema = GOLDEN / case / "schema"
    result = codegen("generate", "--schema", schema, "--root", root, *options)
    assert result.returncode == 0, result.stderr
    return tree(root)


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
        {
            "PYTHONHASHSEED": "4294967295",
            "LC_ALL": "POSIX",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONUTF8": "0",
            "SOURCE_DATE_EPOCH": "1",
        },
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONOPTIMIZE": "2"},
    ],
    ids=lambda env: ",".join(f"{key}={value}" for key, value in env.items()),
)
def test_the_environment_changes_no_byte(
    env: dict[str, str], expected: dict[str, bytes], tmp_path: Path
) -> None:
    result = codegen("generate", "--schema", SCHEMA, "--root", tmp_path, env=env)
    assert result.returncode == 0, result.stderr
    assert tree(tmp_path) == expected


def test_the_working_directory_its_configuration_and_relative_paths_change_no_byte(
    expected: dict[str, bytes], tmp_path: Path
) -> None:
    schema, root = tmp_path / "some schema", tmp_path / "root"
    shutil.copytree(SCHEMA, schema)
    root.mkdir()
    config = root / "pyproject.toml"
    config.write_text("[tool.ruff]\nline-length = 40\n[tool.black]\nline-length = 40\n")
    result = codegen("generate", "--schema", "../some schema", "--root", ".", cwd=root)
    assert result.returncode == 0, result.stderr
    config.unlink()
    assert tree(root) == expected


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_umask_changes_neither_bytes_nor_modes(
    umask: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    result = codegen("generate", "--schema", SCHEMA, "--root", tmp_path, umask=umask)
    assert result.returncode == 0, result.stderr
    assert tree(tmp_path) == expected
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_a_killed_run_leaves_complete_files_and_the_next_one_finishes_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two catalogs alternate under one root, so that each run writes, replaces and removes."""
    names = ("hostile", "plain")
    complete = {
        name: generated(name, tmp_path_factory.mktemp(name), *FAST_TARGETS) for name in names
    }
    contents = {path: {files.get(path) for files in complete.values()} for path in _paths(complete)}
    chosen = random.Random(3)
    killed = 0
    for turn in range(KILLS):
        name = names[turn % 2]
        process = _start(GOLDEN / name / "schema", tmp_path)
        _wait_for_the_first_write(tmp_path, process)
        time.sleep(chosen.uniform(0, 0.004))
        process.kill()
        killed += process.wait() != 0
        for path, text in tree(tmp_path).items():
            if not path.endswith(".codegen-tmp"):
                assert text in contents[path], f"{path} is half written"
        assert generated(name, tmp_path, *FAST_TARGETS) == complete[name]
    assert killed, "every run ended before it was killed"


def _paths(complete: dict[str, dict[str, bytes]]) -> set[str]:
    return {path for files in complete.values() for path in files}


def _start(schema: Path, root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "codegen", "generate"]
    return subprocess.Popen(
        [*command, "--schema", str(schema), "--root", str(root), *FAST_TARGETS],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
    )


def _wait_for_the_first_write(root: Path, process: subprocess.Popen[bytes]) -> None:
    before = _stamps(root)
    while process.poll() is None and _stamps(root) == before:
        time.sleep(0.0005)


def _stamps(root: Path) -> dict[str, int]:
    stamps = {}
    for folder, _, _ in os.walk(root):
        with contextlib.suppress(FileNotFoundError):  # the run has removed it since
            stamps[folder] = Path(folder).stat().st_mtime_ns
    return stamps

"""Runs the generator and the tools that `make setup` installs."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from codegen.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).resolve().parent / "golden"
TYPESCRIPT = REPOSITORY / "sdks" / "typescript"

# Tools that `make setup` installs precede those of the machine.
_PATH = os.pathsep.join(
    [str(Path(sys.prefix, "bin")), str(TYPESCRIPT / "node_modules/.bin"), os.environ["PATH"]]
)


def tool(name: str) -> str:
    """Returns the path of a tool; without it the test fails, because `make setup` installs it."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.fail(f"{name} is not installed; run `make setup`")
    return found


def run(command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a tool; stdout of the result has both streams."""
    environment = {**os.environ, "PATH": _PATH}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )


def codegen(
    *arguments: str | Path,
    cwd: Path = REPOSITORY,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
) -> subprocess.CompletedProcess[str]:
    """Runs the generator; as a process of its own only where its environment matters.

    The imports of a process take longer than most runs.
    """
    command = [sys.executable, "-m", "codegen", *map(str, arguments)]
    if env is not None or umask != -1:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})}
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            umask=umask,
            check=False,
        )
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(command[3:])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def tree(root: Path) -> dict[str, bytes]:
    """Returns the content of every file below a folder, by relative path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }

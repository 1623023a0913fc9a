"""Formats generated Python."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from codegen.render import File

# Unused and unsorted imports, and typed dictionaries that need no call.
_FIXED = "F401,I001,UP013"


def formatted(files: list[File]) -> Iterator[File]:
    """Formats the files with ruff: sorts imports, without those that this catalog does not need."""
    ruff = find_ruff_bin()
    with tempfile.TemporaryDirectory() as folder:
        for index, file in enumerate(files):
            _place(folder, index, file).write_text(file.text, encoding="utf-8")
        for command in (["check", f"--select={_FIXED}", "--fix"], ["format", "--line-length=100"]):
            options = ["--isolated", "--no-cache", "--quiet", "--target-version=py310"]
            subprocess.run([ruff, *command, *options, folder], check=True)
        for index, file in enumerate(files):
            yield File(file.path, _place(folder, index, file).read_text(encoding="utf-8"))


def _place(folder: str, index: int, file: File) -> Path:
    """Returns where a file is formatted; ruff formats a stub otherwise than a module."""
    return Path(folder, f"{index}{PurePosixPath(file.path).suffix}")

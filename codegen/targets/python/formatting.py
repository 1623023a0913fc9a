"""Formats generated Python."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from codegen.render import File


def formatted(files: list[File]) -> Iterator[File]:
    """Formats the files with ruff, and removes imports that this catalog does not need."""
    ruff = find_ruff_bin()
    with tempfile.TemporaryDirectory() as folder:
        for index, file in enumerate(files):
            Path(folder, f"{index}.py").write_text(file.text, encoding="utf-8")
        for command in (["check", "--select=F401", "--fix"], ["format", "--line-length=100"]):
            options = ["--isolated", "--no-cache", "--quiet", "--target-version=py310"]
            subprocess.run([ruff, *command, *options, folder], check=True)
        for index, file in enumerate(files):
            yield File(file.path, Path(folder, f"{index}.py").read_text(encoding="utf-8"))

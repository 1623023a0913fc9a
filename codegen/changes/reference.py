"""Reads what today's catalog is compared with: a git ref, a folder, or a saved file."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.load import FILES, read_sources
from codegen.versions import parsed

BASELINE = "baseline.json"

_COMMENT = (
    "The last release, which `codegen check` compares with. Only `codegen release` writes it."
)


class UnreadableError(Exception):
    """What to compare with cannot be read; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The data of the schema files by name, and where they come from."""

    name: str
    data: Mapping[str, Mapping[str, Any]]

    @property
    def version(self) -> str:
        """Returns the version of its catalog."""
        return str(self.data["catalog"].get("version"))


def read_baseline(schema: Path) -> Reference | None:
    """Returns the last release, or None if there was none."""
    path = schema / BASELINE
    return _saved(path) if path.exists() else None


def read_reference(text: str, schema: Path) -> Reference:
    """Returns the state of the catalog at a git ref, in a folder, or in a saved file."""
    path = Path(text)
    if path.is_file():
        return _saved(path)
    if path.is_dir():
        return _folder(path, text)
    return _git(text, schema)


def saved(data: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the content of a saved file: the schema files as data, without accepted breaks."""
    catalog = {k: v for k, v in data["catalog"].items() if k not in ("accepted_breaks", "include")}
    content = {"$comment": _COMMENT, **data, "catalog": catalog}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _saved(path: Path) -> Reference:
    try:
        data = json.loads(path.read_bytes())
        reference = Reference(path.name, {name: dict(data[name]) for name in FILES})
    except (ValueError, TypeError, KeyError):
        message = f"{path}: is not a saved release; restore it from version control"
        raise UnreadableError(message) from None
    if parsed(reference.version) is None:
        raise UnreadableError(f"{path}: has no version; restore it from version control")
    return reference


def _folder(path: Path, name: str) -> Reference:
    sources = read_sources(path)
    for source in sources.values():
        for problem in source.diagnostics:
            line, column = problem.position
            place = f"{problem.path}:{line}:{column}"
            raise UnreadableError(f"{name}: {place}: {problem.message}")
    return Reference(name, {file: sources[file].data for file in FILES})


def _git(ref: str, schema: Path) -> Reference:
    """Reads a folder out of git, with the files that it includes."""
    if ref.startswith("-"):
        raise UnreadableError(f"{ref}: expected a git ref, a folder or a saved file")
    command = ["git", "-C", str(schema), "archive", "--format=tar", ref, "--", "."]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise UnreadableError(f"{ref}: git is not installed; compare with a folder") from None
    except subprocess.CalledProcessError as failure:
        reason = failure.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        message = f"{ref}: is no file and no folder, and git cannot read it: {reason}"
        raise UnreadableError(message) from None
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # Python has the filter from 3.11.4 on; Debian 12 has 3.11.2.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(folder)  # noqa: S202  git made it
        try:
            return _folder(Path(folder), ref)
        except UnreadableError as failure:
            raise UnreadableError(str(failure).replace(f"{folder}/", "")) from None

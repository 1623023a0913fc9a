"""`init`: a project of another company, with the code of this one under its names."""

from __future__ import annotations

import posixpath
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from codegen.commands import PROBLEMS, SUCCESS
from codegen.commands.generating import Options, generate, read
from codegen.company import files, schema
from codegen.company.names import (
    accepts_all,
    metric_renamer,
    of_model,
    of_word,
    renamer,
    sample,
    sorted_names,
)
from codegen.manifest import MANIFEST, read_manifest
from codegen.model import Model
from codegen.output import Printer

_CHANGELOG = """\
# Changelog

All notable changes, in the format of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).
The catalog and all packages share one version.

## [Unreleased]
"""


# What documents may link to and init does not copy: `make generate` makes the last.
_MADE = (
    *("schema/catalog.yaml", "schema/event.yaml", "schema/sdk.yaml"),
    *("CHANGELOG.md", "docs/sdk-parity.md"),
)


@dataclass(frozen=True, slots=True)
class Company:
    """Who the project is for: by its own schema folder, or by its name and repository."""

    schema: Path | None
    name: str
    repository: str


def init(options: Options, printer: Printer, *, target: Path, company: Company) -> int:
    """Writes the project into a new or empty folder, and generates its files."""
    ours = read(options, printer).model
    if ours is None:
        return PROBLEMS
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        printer.failure(f"{target}: is not empty; choose a new directory, nothing written")
        return PROBLEMS
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder, "schema")
        for name, text in _schema(options, ours, company):
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_text(text, encoding="utf-8")
        theirs = read(Options(staged, options.root, ()), printer).model
        if theirs is None:
            return PROBLEMS
        if problem := _misplaced(ours, theirs):
            printer.failure(f"{problem}; nothing written")
            return PROBLEMS
        _copy(options.root, target, ours, theirs)
        shutil.copytree(staged, target / "schema", dirs_exist_ok=True)
    (target / "CHANGELOG.md").write_text(_CHANGELOG, encoding="utf-8")
    if generate(Options(target / "schema", target, ()), printer) != SUCCESS:
        return PROBLEMS
    _format(target)
    return SUCCESS


def _schema(options: Options, ours: Model, company: Company) -> Iterable[tuple[str, str]]:
    if company.schema is not None:
        return schema.own(company.schema, options.schema, of_model(ours))
    theirs = of_word(company.name, company.repository)
    return schema.renamed(options.schema, of_model(ours), theirs)


def _misplaced(ours: Model, theirs: Model) -> str:
    """Returns which package is not where the project has its code, or an empty string."""
    for language, package in ours.sdk.packages.items():
        own = theirs.sdk.packages[language]
        wanted = _place(package.path, package.module, own.module)
        if own.path != wanted:
            return f"sdk.yaml: packages.{language}.path is {own.path}; expected {wanted}"
    return ""


def _place(path: str, module: str, other: str) -> str:
    folder, name = posixpath.split(path)
    return posixpath.join(folder, other if name == module else name)


def _copy(home: Path, target: Path, ours: Model, theirs: Model) -> None:
    """Copies the files of the project under other names, formatted as its linters want them."""
    before, after = of_model(ours), of_model(theirs)
    rename, use = renamer(before, after), metric_renamer(ours, theirs)
    generated = read_manifest((home / MANIFEST).read_bytes()).digests
    is_easy = accepts_all(sample(theirs))
    left_out = [] if is_easy else [files.EASY_EXAMPLES]
    if not is_easy or ours.event != theirs.event:
        left_out.append(files.HAND_WRITTEN_VECTORS)
    paths = [
        path
        for path in files.project_files(home, {*generated, MANIFEST})
        if not any(pattern.fullmatch(path) for pattern in left_out)
    ]
    remaining = files.Remaining(
        (home / "Makefile").read_text(encoding="utf-8"), paths, (*generated, *_MADE)
    )
    for path in paths:
        copy = target / rename(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = (home / path).read_bytes()
        try:
            text = remaining.part(path, content.decode())
        except UnicodeDecodeError:
            copy.write_bytes(content)
        else:
            text = rename(text if path.startswith("codegen/") else use(text))
            copy.write_bytes((sorted_names(text) if path.endswith(".ts") else text).encode())
        shutil.copymode(home / path, copy)


def _format(target: Path) -> None:
    """Sorts imports and breaks lines anew, since names have another length and order.

    It follows `generate`, as ruff tells the project's modules from others by finding them.
    """
    ruff = find_ruff_bin()
    for command in (["check", "--select=I,RUF022", "--fix"], ["format"]):
        subprocess.run([ruff, *command, "--no-cache", "--quiet", target], check=True)

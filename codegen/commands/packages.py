"""Packages whose names in sdk.yaml changed, while the code that people wrote has the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from codegen.diagnostics import Diagnostic, error
from codegen.manifest import MANIFEST, read_manifest
from codegen.model import Model
from codegen.output import START


def renamed(schema: Path, root: Path, model: Model) -> Iterator[Diagnostic]:
    """Yields an error for each package without code, if there is code at its former place.

    To generate there would leave the code without its tables.
    """
    try:
        manifest = read_manifest((root / MANIFEST).read_bytes()).manifest
    except (OSError, ValueError):
        return  # nothing was generated yet, or the plan reports it
    for language, package in model.sdk.packages.items():
        owned = manifest.get(language, {})
        if not owned or any(path.startswith(f"{package.path}/") for path in owned):
            continue
        former = sorted({str(folder) for path in owned for folder in _folders(path)})
        if any(_has_code(root, folder, owned) for folder in former):
            message = (
                f"there is no code in {package.path}, and names in code do not follow this file: "
                "`python -m codegen init` makes a project under other names"
            )
            place = f"{schema / 'sdk.yaml'}"
            yield error(place, START, "renamed-package", f"packages.{language}.path: {message}")


def _folders(path: str) -> tuple[PurePosixPath, PurePosixPath]:
    folder = PurePosixPath(path).parent
    return folder, folder.parent


def _has_code(root: Path, folder: str, owned: dict[str, str]) -> bool:
    """Reports whether a folder has a source that nobody generates."""
    return any(
        path.suffix in {".py", ".go", ".ts"} and path.relative_to(root).as_posix() not in owned
        for path in (root / folder).glob("*.*")
    )

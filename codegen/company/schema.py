"""The schema files of a new company: its own, or ours with its names and a few metric types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from codegen.company.names import Names, renamer

_STARTER = Path(__file__).with_name("starter.yaml")
_FIRST_VERSION = "0.1.0"
# The keys of a catalog that are about its products; the rest is as good for another company.
_OF_PRODUCTS = re.compile(r"(include|teams|units|products|lint|accepted_breaks|undeclared):")
_KEY = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
_SERVER = re.compile(
    r"(?<=^# yaml-language-server: \$schema=)\S*?(?=\w+\.schema\.json$)", re.MULTILINE
)


def own(folder: Path, ours: Path) -> Iterator[tuple[str, str]]:
    """Yields the path and the text of each YAML file of a schema folder, complete.

    What hand-written code reads by name, and its sdk.yaml lacks, comes from ours.
    """
    for path in sorted(folder.rglob("*.yaml")):
        relative = path.relative_to(folder)
        text = path.read_text(encoding="utf-8")
        if relative.as_posix() == "sdk.yaml":
            text = completed(text, (ours / "sdk.yaml").read_text(encoding="utf-8"))
        if relative.parts[0] != "examples":
            yield relative.as_posix(), _SERVER.sub("", text) if len(relative.parts) == 1 else text


def completed(text: str, ours: str) -> str:
    """Returns an sdk.yaml with the settings, error codes and constants that only ours has."""
    for section, indent in (("settings", 2), ("constants", 4), ("errors", 2)):
        block, missing = _section(text, section, indent), _section(ours, section, indent)
        if block is not None and missing is not None:
            known = set(_entries(block, indent))
            added = [
                entry for name, entry in _entries(missing, indent).items() if name not in known
            ]
            text = text.replace(block, block.rstrip("\n") + "\n" + "".join(added), 1)
    return text


def _section(text: str, name: str, indent: int) -> str | None:
    """Returns the lines of a mapping in block style, below its key."""
    key, inner = " " * (indent - 2), " " * indent
    found = re.search(rf"^{key}{name}:\n((?:{inner}.*\n|\n(?={inner}|\n))+)", text, re.MULTILINE)
    return found[1] if found else None


def _entries(block: str, indent: int) -> dict[str, str]:
    """Returns the entries of a mapping by their key, without the comments before them."""
    entry = re.compile(rf"^ {{{indent}}}([\w.]+):.*\n(?: {{{indent + 1}}}.*\n)*", re.MULTILINE)
    return {match[1]: match[0] for match in entry.finditer(block)}


def renamed(folder: Path, ours: Names, theirs: Names) -> Iterator[tuple[str, str]]:
    """Yields our files with their names, and with first products to replace."""
    rename = renamer(ours, theirs)
    for name in ("event", "sdk"):
        yield f"{name}.yaml", rename((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    head, *blocks = _KEY.split((folder / "catalog.yaml").read_text(encoding="utf-8"))
    kept = "".join(block for block in blocks if not _OF_PRODUCTS.match(block))
    kept = re.sub(r"^version: .*$", f"version: {_FIRST_VERSION}", kept, flags=re.MULTILINE)
    _, _, starter = _STARTER.read_text(encoding="utf-8").partition("\n")
    yield "catalog.yaml", rename(head + kept).rstrip() + "\n\n" + starter

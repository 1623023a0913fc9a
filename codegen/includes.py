"""Merges the files that catalog.yaml includes into one catalog; every part keeps its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from codegen.diagnostics import Place, listing, quote, suggestion
from codegen.source import Mark, Source, read

# What a team may keep in a file of its own.
SECTIONS = ("products", "units")


def include(catalog: Source, folder: Path, shown: str) -> Source:
    """Adds the products and units of included files to a catalog; problems go to its diagnostics.

    `shown` is how messages name the folder.
    """
    patterns = catalog.data.get("include") if isinstance(catalog.data, dict) else None
    if not isinstance(patterns, list):
        return catalog
    for file in _files(catalog, folder, patterns):
        path = file.relative_to(folder).as_posix()
        part = read(file, f"{shown}/{path}" if shown != "." else path)
        if part.root is not None:
            _add(catalog, part, path)
        catalog.diagnostics += part.diagnostics
    return catalog


def _files(catalog: Source, folder: Path, patterns: list[Any]) -> Iterator[Path]:
    """Yields the files that the patterns match, each once, in an order that no machine changes."""
    known = {folder / "catalog.yaml"}
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str):
            continue  # the schema reports it
        place = catalog.value(("include", index))
        parts = PurePosixPath(pattern).parts
        if pattern.startswith("/") or ".." in parts or "\\" in pattern or not parts:
            message = f"{quote(pattern)} is outside of the folder of catalog.yaml"
            catalog.fail(place, "include", f"{message}: expected a path such as products/*.yaml")
            continue
        try:
            found = sorted(path for path in folder.glob(pattern) if path.is_file())
        except ValueError as problem:
            catalog.fail(place, "include", f"{quote(pattern)} is not a pattern: {problem}")
            continue
        if not found:
            message = f"{quote(pattern)} matches no file: add one, or remove the pattern"
            catalog.fail(place, "include", message)
        yield from (path for path in found if path not in known)
        known.update(found)


def _add(catalog: Source, part: Source, path: str) -> None:
    if not isinstance(part.data, dict):
        expected = f"expected a mapping with {listing(SECTIONS)}"
        part.fail(part.value(()), "type", f"an included file is no list and no text: {expected}")
        return
    for section, entries in part.data.items():
        if section not in SECTIONS:
            hint = suggestion(section, SECTIONS)
            message = f"unknown key {quote(section)} in an included file: {hint}"
            part.fail(part.key((section,)), "unknown-key", message)
        elif not isinstance(entries, dict):
            message = f"expected a mapping in {quote(section)}"
            part.fail(part.value((section,)), "type", message)
        else:
            for name in entries:
                _add_entry(catalog, part, path, section, name)


def _add_entry(catalog: Source, part: Source, path: str, section: str, name: str) -> None:
    data, marks = _section(catalog, section)
    if name in data:
        route = (section, name)
        first = Place("first written at", catalog.file(route), catalog.key(route))
        message = f"{quote(name)} is in {section} twice"
        part.fail(part.key(route), "duplicate-key", message, first)
        return
    data[name] = part.data[section][name]
    marks[name] = _child(_child(part.root, section), name)
    catalog.parts[section, name] = part
    catalog.included[section, name] = path


def _section(catalog: Source, section: str) -> tuple[dict[str, Any], dict[str, Mark]]:
    """Returns the section's data and marks; a catalog without the section gets an empty one."""
    root = catalog.root
    assert root is not None  # noqa: S101 - a catalog that includes files is readable
    children = root.children if isinstance(root.children, dict) else {}
    if not isinstance(catalog.data.get(section), dict):
        key = children["include"].key
        catalog.data[section] = {}
        children[section] = Mark(key, key, None, {})
    marks = children[section].children
    return catalog.data[section], marks if isinstance(marks, dict) else {}


def _child(mark: Mark | None, name: str) -> Mark:
    children = mark.children if mark is not None else None
    return children[name] if isinstance(children, dict) else Mark((0, 0), (0, 0), None, None)

"""The schema files of a new company: its own, or ours with its names and a few metric types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from codegen.company.names import Names, default_repository, of_word, renamer

_STARTER = Path(__file__).with_name("starter.yaml")
_FIRST_VERSION = "0.1.0"
# The mappings of an sdk.yaml whose entries the code needs, with the indent of these.
_SDK_SECTIONS = (
    ("settings", 2),
    ("constants", 4),
    ("errors", 2),
    ("labels", 4),
    ("client", 4),
    ("sink", 4),
)
# The keys of a catalog that are about its products; the rest is as good for another company.
_OF_PRODUCTS = re.compile(r"(include|teams|units|products|lint|accepted_breaks|undeclared):")
_PREFIX = re.compile(r"^env_prefix: *(\w+)", re.MULTILINE)
_KEY = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
_SERVER = re.compile(
    r"(?<=^# yaml-language-server: \$schema=)\S*?(?=\w+\.schema\.json$)", re.MULTILINE
)


def own(folder: Path, ours: Path, names: Names) -> Iterator[tuple[str, str]]:
    """Yields the path and the text of each YAML file of a schema folder, complete.

    A catalog.yaml is enough. A fields.yaml adds fields to our event, or replaces some; settings,
    error codes, constants, metrics and paths that an sdk.yaml lacks come from ours.
    """
    texts = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.yaml"))
        if path.relative_to(folder).parts[0] != "examples"
    }
    prefix = _PREFIX.search(texts.get("catalog.yaml", ""))
    name = prefix[1].strip("_").lower().replace("_", "-") if prefix else names.word
    rename = renamer(names, of_word(name, default_repository(name)))
    event, sdk = ((ours / file).read_text(encoding="utf-8") for file in ("event.yaml", "sdk.yaml"))
    texts["sdk.yaml"] = completed(texts["sdk.yaml"], sdk) if "sdk.yaml" in texts else rename(sdk)
    fields = texts.pop("fields.yaml", "")
    if "event.yaml" not in texts:
        texts["event.yaml"] = with_fields(rename(event), fields)
    for path, text in texts.items():
        yield path, text if "/" in path else _SERVER.sub("", text)


def with_fields(event: str, more: str) -> str:
    """Returns an event.yaml with the fields of a fields.yaml, which may replace some of its own."""
    section, added = _section(event, "fields", 2) or "", _section(more, "fields", 2) or ""
    known, new = _entries(section, 2), _entries(added, 2)
    fields = section
    for name in known.keys() & new.keys():
        fields = fields.replace(known[name], new[name])
    further = "".join(entry for name, entry in new.items() if name not in known)
    return event.replace(section, fields.rstrip("\n") + "\n" + further, 1)


def completed(text: str, ours: str) -> str:
    """Returns an sdk.yaml with the settings, codes, constants, metrics and paths only ours has."""
    for section in ("metrics", "alerts", "http"):
        block = _section(ours, section, 2)
        if block is not None and _section(text, section, 2) is None:
            text = "\n".join((text.rstrip("\n"), f"{section}:", block))
    for section, indent in _SDK_SECTIONS:
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

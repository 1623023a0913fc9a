"""What templates lay out: entries of a table, groups of them, and declarations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a table whose value is an object; its lines are indented already."""

    comment: str
    key: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A key whose value is an object of entries, after some lines of its own."""

    comment: str
    key: str
    lines: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    comment: str
    declaration: str

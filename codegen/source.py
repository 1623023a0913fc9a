"""Reads YAML with the line and column of every key and value.

It accepts the subset on which all YAML readers agree: one document of mappings, lists and scalars.
Anything else in a file becomes a diagnostic, never an exception.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from codegen.diagnostics import Diagnostic, Place, Position, error, quote
from codegen.scalars import plain
from codegen.syntax import BREAK, explain

Step: TypeAlias = "str | int"
Route: TypeAlias = "tuple[Step, ...]"

START = Position(1, 1)
_DEEPEST = 40

# Characters that YAML does not allow, and line breaks that only some readers recognise.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


# What git writes before the first side of a conflict.
_CONFLICT = re.compile("^<<<<<<< ", re.MULTILINE)


class Mark(NamedTuple):
    """The positions of a value and its key, and the source text of a plain scalar."""

    position: tuple[int, int]
    key: tuple[int, int]
    written: str | None
    children: dict[str, Mark] | list[Mark] | None


@dataclass(slots=True)
class Source:
    """One file: its data and the position of every part; root is None if it is unreadable."""

    path: str
    text: str = ""
    data: Any = None
    root: Mark | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    parts: dict[tuple[Step, ...], Source] = field(default_factory=dict)
    """The files that entries such as `products`, `api` come from, if not from this one."""
    included: dict[tuple[str, str], str] = field(default_factory=dict)
    """The same files by their paths below the folder of this one."""

    def value(self, route: Route) -> Position:
        """Returns where the value at a route begins; if it is missing, its nearest parent."""
        return _position(self._mark(route).position)

    def key(self, route: Route) -> Position:
        """Returns where the key of a value begins; for an item of a list, the item itself."""
        return _position(self._mark(route).key)

    def file(self, route: Route) -> str:
        """Returns the path of the file that has the value at a route."""
        part = self.parts.get(route[:2])
        return self.path if part is None else part.path

    def written(self, route: Route) -> str | None:
        """Returns the source text of a plain scalar, or None for anything else."""
        return self._mark(route).written

    def rest(self, route: Route) -> str:
        """Returns the rest of the line on which a value begins."""
        line, column = self._mark(route).position
        part = self.parts.get(route[:2], self)
        return BREAK.split(part.text)[line][column:].lstrip()

    def fail(
        self, position: Position, code: str, message: str, related: Place | None = None
    ) -> None:
        """Adds a problem of the file itself."""
        self.diagnostics.append(error(self.path, position, code, message, related))

    def stop(self, position: Position, code: str, message: str) -> Exception:
        """Adds a problem that ends the reading; the caller raises the returned exception."""
        self.fail(position, code, message)
        return _Stop()

    def _mark(self, route: Route) -> Mark:
        mark = self.root or _NOWHERE
        for step in route:
            children: Any = mark.children
            try:
                mark = children[step]
            except (KeyError, IndexError, TypeError):
                break
        return mark


_NOWHERE = Mark((0, 0), (0, 0), None, None)


def _position(mark: tuple[int, int]) -> Position:
    return Position(mark[0] + 1, mark[1] + 1)


def read(file: Path, path: str) -> Source:
    """Reads one YAML file; diagnostics name it by `path`."""
    source = Source(path)
    try:
        source.text = _text(file, source)
        _Builder(source).build(source.text)
    except _Stop:
        source.data = source.root = None
    return source


class _Stop(Exception):
    """The rest of the file cannot be parsed."""


def _text(file: Path, source: Source) -> str:
    try:
        mode = file.stat().st_mode
        data = file.read_bytes() if stat.S_ISREG(mode) else None
    except FileNotFoundError:
        message = "no such file; all three schema files are required"
        raise source.stop(START, "missing-file", message) from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise source.stop(START, "unreadable-file", f"cannot be read: {reason}") from None

    if data is None:
        if stat.S_ISDIR(mode):
            raise source.stop(START, "directory", "is a directory; expected a YAML file")
        raise source.stop(START, "unreadable-file", "is not a regular file; expected a YAML file")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "begins with a byte-order mark; save it as UTF-8 without one"
        raise source.stop(START, "byte-order-mark", message)
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        place = _at(data[: problem.start].decode())
        message = f"byte 0x{data[problem.start]:02X} is not UTF-8; save the file as UTF-8"
        raise source.stop(place, "encoding", message) from None
    found = _CONFLICT.search(text)
    if found:
        message = "both sides of a merge conflict stand here; resolve it, then run `generate`"
        raise source.stop(_at(text[: found.start()]), "merge-conflict", message)
    found = _UNPRINTABLE.search(text)
    if found:
        place = _at(text[: found.start()])
        message = (
            f"character U+{ord(found[0]):04X} is not allowed; write its escape in double quotes"
        )
        raise source.stop(place, "control-character", message)
    return text


def _at(before: str) -> Position:
    """Returns the position after a text."""
    lines = BREAK.split(before)
    return Position(len(lines), len(lines[-1]) + 1)


class _Frame:
    """A mapping or list under construction."""

    __slots__ = ("data", "key", "key_position", "marks", "position")

    def __init__(self, data: Any, marks: Any, position: tuple[int, int]) -> None:
        self.data = data
        self.marks = marks
        self.position = position
        self.key: str | None = None
        self.key_position: tuple[int, int] | None = None


class _Builder:
    """Turns parser events into data and marks, without recursion."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[_Frame] = []
        self.documents = 0

    def build(self, text: str) -> None:
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                self._take(event)
        except yaml.MarkedYAMLError as problem:
            code, message, mark = explain(problem, text)
            raise self.source.stop(_position(mark), code, message) from None
        root = self.source.root
        if root is None or root.written == "":
            raise self.source.stop(START, "empty-file", "the file has no content")

    def _fail(
        self, mark: tuple[int, int], code: str, message: str, related: Place | None = None
    ) -> None:
        self.source.fail(_position(mark), code, message, related)

    def _take(self, event: yaml.Event) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open(event, kind is yaml.MappingStartEvent)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            frame = self.stack.pop()
            self._put(frame.data, frame.position, None, frame.marks)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._document(event)

    def _document(self, event: Any) -> None:
        here = (event.start_mark.line, event.start_mark.column)
        self.documents += 1
        if self.documents > 1:
            message = "a second document begins here; only one is allowed"
            raise self.source.stop(_position(here), "second-document", message)
        if event.version or event.tags:
            self._fail(here, "directive", "directives (%…) are not allowed; remove the line")

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        here = (mark.line, mark.column)
        if event.tag is not None or event.anchor is not None:
            self._decorated(event, here)
        text: str = event.value
        unquoted = not event.style
        frame = self.stack[-1] if self.stack else None
        if frame is not None and type(frame.data) is dict and frame.key_position is None:
            self._key(frame, text, here, unquoted)
        elif unquoted:
            self._put(plain(text), here, text, None)
        else:
            self._put(text, here, None, None)

    def _key(self, frame: _Frame, text: str, here: tuple[int, int], unquoted: bool) -> None:
        frame.key_position = here
        frame.key = text
        if text in frame.marks:
            first = Place("first written at", self.source.path, _position(frame.marks[text].key))
            self._fail(here, "duplicate-key", f"duplicate key {quote(text)}", first)
            frame.key = None
        elif unquoted and text == "<<":
            message = "merge keys (<<) are not allowed; write the keys out"
            self._fail(here, "merge-key", message)
            frame.key = None
        elif unquoted and not isinstance(plain(text), str):
            self._fail(
                here, "key-type", f'key {text or "(nothing)"} is not text; quote it: "{text}"'
            )

    def _open(self, event: Any, mapping: bool) -> None:
        mark = event.start_mark
        here = (mark.line, mark.column)
        if event.tag is not None or event.anchor is not None:
            self._decorated(event, here)
        if len(self.stack) == _DEEPEST:
            message = f"nested more than {_DEEPEST} levels deep"
            raise self.source.stop(_position(here), "too-deep", message)
        self._refuse_key(here, "a mapping" if mapping else "a list")
        self.stack.append(_Frame({}, {}, here) if mapping else _Frame([], [], here))

    def _refuse_key(self, here: tuple[int, int], what: str) -> None:
        """Rejects a collection as a key; its content and its value are parsed and dropped."""
        frame = self.stack[-1] if self.stack else None
        if frame is not None and type(frame.data) is dict and frame.key_position is None:
            self._fail(here, "key-type", f"a key must be text, not {what}; quote it")

    def _alias(self, event: Any) -> None:
        here = (event.start_mark.line, event.start_mark.column)
        message = (
            f"aliases (*{event.anchor}) are not allowed; write the value out, or quote the text"
        )
        self._fail(here, "alias", message)
        self._put(None, here, None, None)

    def _decorated(self, event: Any, here: tuple[int, int]) -> None:
        if event.anchor is not None:
            message = (
                f"anchors (&{event.anchor}) are not allowed; remove the anchor, or quote the text"
            )
            self._fail(here, "anchor", message)
        if event.tag is not None:
            message = f"tags ({event.tag}) are not allowed; remove the tag, or quote the text"
            self._fail(here, "tag", message)

    def _put(self, value: Any, here: tuple[int, int], written: str | None, children: Any) -> None:
        """Adds a finished value to the enclosing collection."""
        if not self.stack:
            self.source.data = value
            self.source.root = Mark(here, here, written, children)
            return
        frame = self.stack[-1]
        if type(frame.data) is list:
            frame.data.append(value)
            frame.marks.append(Mark(here, here, written, children))
        elif frame.key_position is None:
            frame.key_position = here
        else:
            if frame.key is not None:
                frame.data[frame.key] = value
                frame.marks[frame.key] = Mark(here, frame.key_position, written, children)
            frame.key = frame.key_position = None

"""The data of the readable files for rules, by patterns that skip invalid parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from codegen.diagnostics import Diagnostic, Place
from codegen.source import Route, Source

T = TypeVar("T")


class Unsound(Exception):
    """A part that a rule depends on is missing or does not match the schema."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that a rule found, with its place; the table of rules gives it its code."""

    file: str
    route: Route
    message: str
    at_key: bool = False
    severity: str = "error"
    other: tuple[str, str, Route] | None = None
    """A related place: a note on its relation, the file, and the route of a key."""


@dataclass(frozen=True, slots=True)
class Files:
    """The readable files by name: `catalog`, `event`, `sdk`."""

    sources: Mapping[str, Source]

    def each(self, file: str, pattern: str, kind: type[T]) -> Iterator[tuple[Route, T]]:
        """Yields the values of one type at a pattern such as `products/*/title`, with routes."""
        source = self.sources.get(file)
        if source is not None:
            for route, value in _walk(source.data, pattern.split("/"), ()):
                if isinstance(value, kind):
                    yield route, value

    def one(self, file: str, pattern: str, kind: type[T]) -> T:
        """Returns the value at a route; raises Unsound, which skips the rule, if invalid."""
        for _, value in self.each(file, pattern, kind):
            return value
        raise Unsound

    def has(self, file: str, route: Route) -> bool:
        """Reports whether there is a mapping at a route."""
        return any(self.each(file, "/".join(map(str, route)), dict))

    def names(self, file: str, pattern: str) -> list[str]:
        """Returns the keys of the mapping at a route; raises Unsound if invalid."""
        return list(self.one(file, pattern, dict))

    def texts(self, file: str, pattern: str) -> list[str]:
        """Returns the texts in the list at a route; raises Unsound if invalid."""
        items = self.one(file, pattern, list)
        if not all(isinstance(item, str) for item in items):
            raise Unsound
        return items

    def diagnostic(self, code: str, finding: Finding) -> Diagnostic:
        """Returns the finding with the positions of its routes."""
        source = self.sources[finding.file]
        place = source.key(finding.route) if finding.at_key else source.value(finding.route)
        other = None
        if finding.other is not None:
            note, file, route = finding.other
            origin = self.sources[file]
            other = Place(note, origin.file(route), origin.key(route))
        path = source.file(finding.route)
        return Diagnostic(path, place, finding.severity, code, finding.message, other)


def attribute(entry: Any, key: str) -> Any:
    """Returns a value of a mapping, or None if it is missing or the mapping invalid."""
    return entry.get(key) if isinstance(entry, dict) else None


def number(value: object, otherwise: float) -> int | float:
    """Returns a limit as a number, or `otherwise` if it is missing or invalid."""
    return value if isinstance(value, int | float) else otherwise


def is_exact(value: float) -> bool:
    """Reports whether all languages represent a number exactly: Go and JavaScript use doubles."""
    return math.isfinite(value) and float(value) == value


def _walk(data: Any, steps: list[str], route: Route) -> Iterator[tuple[Route, Any]]:
    if not steps:
        yield route, data
        return
    step, *rest = steps
    if isinstance(data, dict):
        if step == "*":
            for key, value in data.items():
                yield from _walk(value, rest, (*route, key))
        elif step in data:
            yield from _walk(data[step], rest, (*route, step))
    elif isinstance(data, list) and step == "*":
        for index, value in enumerate(data):
            yield from _walk(value, rest, (*route, index))

"""What rules read: the data of the readable files, by patterns that pass over unsound parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from codegen.diagnostics import Diagnostic, Place
from codegen.source import Route, Source

T = TypeVar("T")


class Unsound(Exception):
    """A part that a rule compares with is not there, or not as the schema wants it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, and where; the table gives it its code."""

    file: str
    route: Route
    message: str
    at_key: bool = False
    severity: str = "error"
    other: tuple[str, str, Route] | None = None
    """A second place: what it has to do with this one, file and route; there, the key is meant."""


@dataclass(frozen=True, slots=True)
class Files:
    """The readable files by name: `catalog`, `event`, `sdk`."""

    sources: Mapping[str, Source]

    def each(self, file: str, pattern: str, kind: type[T]) -> Iterator[tuple[Route, T]]:
        """The values of one kind at a pattern such as `products/*/title`, with their routes."""
        source = self.sources.get(file)
        if source is not None:
            for route, value in _walk(source.data, pattern.split("/"), ()):
                if isinstance(value, kind):
                    yield route, value

    def one(self, file: str, pattern: str, kind: type[T]) -> T:
        """The one value at a route; a rule that needs it does not run where it is unsound."""
        for _, value in self.each(file, pattern, kind):
            return value
        raise Unsound

    def names(self, file: str, pattern: str) -> list[str]:
        """The keys of the mapping at a route; a rule that needs them does not run without it."""
        return list(self.one(file, pattern, dict))

    def texts(self, file: str, pattern: str) -> list[str]:
        """The items of the list at a route, all of them text; likewise."""
        items = self.one(file, pattern, list)
        if not all(isinstance(item, str) for item in items):
            raise Unsound
        return items

    def diagnostic(self, code: str, finding: Finding) -> Diagnostic:
        """A finding with the places that its routes stand for."""
        source = self.sources[finding.file]
        place = source.key(finding.route) if finding.at_key else source.value(finding.route)
        other = None
        if finding.other is not None:
            note, file, route = finding.other
            other = Place(note, self.sources[file].path, self.sources[file].key(route))
        return Diagnostic(source.path, place, finding.severity, code, finding.message, other)


def number(value: object, otherwise: float) -> int | float:
    """A limit as a number; `otherwise` where it is not given, or unsound."""
    return value if isinstance(value, int | float) else otherwise


def is_exact(value: float) -> bool:
    """Whether every language can say a number: Go and JavaScript have it as a double."""
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

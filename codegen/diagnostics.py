"""One problem found in the schema files, where it is, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple


class Position(NamedTuple):
    """A place in a file; both count from 1, columns in characters."""

    line: int
    column: int


class Place(NamedTuple):
    """A second place that a problem has to do with, and what it has to do with it."""

    note: str
    path: str
    position: Position


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem: what was found at one place, what is allowed, and what to do next."""

    path: str
    position: Position
    severity: str
    code: str
    message: str
    related: Place | None = None

    @property
    def order(self) -> tuple[str, Position, str, str]:
        """Sorts by file and place; code and words only keep the order the same every time."""
        return self.path, self.position, self.code, self.message


def error(
    path: str, position: Position, code: str, message: str, related: Place | None = None
) -> Diagnostic:
    """A problem that nothing can be generated with; a warning comes only from a rule."""
    return Diagnostic(path, position, "error", code, message, related)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether anything is worse than a warning."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def render_text(diagnostic: Diagnostic) -> str:
    """`schema/catalog.yaml:41:9: error[unknown-key]: …`, as compilers write it."""
    d = diagnostic
    place = f"{d.path}:{d.position.line}:{d.position.column}"
    return f"{place}: {d.severity}[{d.code}]: {_sentence(d)}"


def render_github(diagnostic: Diagnostic) -> str:
    """A GitHub workflow command, which shows the problem beside the line in a pull request."""
    d = diagnostic
    place = f"file={_property(d.path)},line={d.position.line},col={d.position.column}"
    return f"::{d.severity} {place},title={_property(d.code)}::{_data(_sentence(d))}"


def _sentence(diagnostic: Diagnostic) -> str:
    place = diagnostic.related
    if place is None:
        return diagnostic.message
    line, column = place.position
    return f"{diagnostic.message}; {place.note} {place.path}:{line}:{column}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_LONGEST = 60


def quote(text: str) -> str:
    """Text as a message shows it: in quotes, on one line, cut where it is long."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def show(value: object) -> str:
    """A value as a message shows it: text in quotes, and what is no text as YAML has it."""
    return quote(value) if isinstance(value, str) else f"`{json.dumps(value)}`"


def listing(names: Iterable[str], joint: str = "or", limit: int = 12) -> str:
    """`a, b or c`; a long list is cut and counted."""
    names = list(names)
    if len(names) > limit:
        return f"{', '.join(names[:limit])} {joint} {len(names) - limit} more"
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is near enough."""
    best, best_ratio = None, 0.6
    matcher: SequenceMatcher[str] = SequenceMatcher(autojunk=False)
    matcher.set_seq2(name.lower())
    for candidate in names:
        matcher.set_seq1(candidate.lower())
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            if ratio > best_ratio:
                best, best_ratio = candidate, ratio
    return best


def suggestion(name: str, names: Iterable[str], expected: str = "expected") -> str:
    """`did you mean 'api'?`, or else the list of what is allowed."""
    names = list(names)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {quote(near)}?"
    return f"{expected} {listing(names)}" if names else "none is allowed here"

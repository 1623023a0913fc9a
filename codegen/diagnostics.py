"""One problem in the schema files: its place, its message, its output formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple


class Position(NamedTuple):
    """A position in a file; both count from 1, columns in characters."""

    line: int
    column: int


class Place(NamedTuple):
    """A related place, with a note on how it relates to the problem."""

    note: str
    path: str
    position: Position


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem at one place: what is wrong, what is allowed, what to do next."""

    path: str
    position: Position
    severity: str
    code: str
    message: str
    related: Place | None = None

    @property
    def order(self) -> tuple[str, Position, str, str]:
        """Returns the sort key: file and place; code and message make the order deterministic."""
        return self.path, self.position, self.code, self.message


def error(
    path: str, position: Position, code: str, message: str, related: Place | None = None
) -> Diagnostic:
    """Returns an error, which stops the generation; only rules return warnings."""
    return Diagnostic(path, position, "error", code, message, related)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Reports whether any diagnostic is an error."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def render_text(diagnostic: Diagnostic) -> str:
    """Returns `schema/catalog.yaml:41:9: error[unknown-key]: …`, the format of compilers."""
    d = diagnostic
    place = f"{d.path}:{d.position.line}:{d.position.column}"
    return f"{place}: {d.severity}[{d.code}]: {sentence(d)}"


def render_github(diagnostic: Diagnostic) -> str:
    """Returns a GitHub workflow command, which annotates the line in a pull request."""
    d = diagnostic
    place = f"file={_property(d.path)},line={d.position.line},col={d.position.column}"
    return f"::{d.severity} {place},title={_property(d.code)}::{_data(sentence(d))}"


def sentence(diagnostic: Diagnostic) -> str:
    """Returns the message, with the related place if there is one."""
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
    """Returns a text for a message: in quotes, on one line, truncated if long."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def show(value: object) -> str:
    """Returns a value for a message: text in quotes, anything else as YAML writes it."""
    return quote(value) if isinstance(value, str) else f"`{json.dumps(value)}`"


def listing(names: Iterable[str], joint: str = "or", limit: int = 12) -> str:
    """Returns `a, b or c`; a long list is truncated, with the number of further names."""
    names = list(names)
    if len(names) > limit:
        return f"{', '.join(names[:limit])} {joint} {len(names) - limit} more"
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Returns the most similar name, or None if no name is similar enough."""
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
    """Returns `did you mean 'api'?`, or the list of allowed names if none is similar."""
    names = list(names)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {quote(near)}?"
    return f"{expected} {listing(names)}" if names else "none is allowed here"

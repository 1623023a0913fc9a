"""What libyaml says of broken YAML, in words that say what to do."""

from __future__ import annotations

import re

import yaml

BREAK = re.compile(r"\r\n|\r|\n")
_TAB_INDENT = re.compile(r"[ ]*\t")

# (in its context, in its problem, our words); the first row that fits both.
_WORDS = (
    ("quoted scalar", "end of stream", "this quote is never closed"),
    ("quoted scalar", "document indicator", "this quote is never closed"),
    ("quoted scalar", "unknown escape", r"unknown escape; write \\ for a backslash"),
    ("quoted scalar", "", r"broken escape in double quotes; write \\ for a backslash"),
    ("an anchor", "", "text cannot begin with &: quote it"),
    ("an alias", "", "text cannot begin with *: quote it"),
    ("a tag", "", "text cannot begin with !: quote it"),
    ("", "expected ':'", "expected 'key: value' on this line"),
    ("flow mapping", "", "a ',' is missing, or the '}' of this mapping"),
    ("flow sequence", "", "a ',' is missing, or the ']' of this list"),
    ("block mapping", "", "expected a key here, indented like its neighbours"),
    ("block collection", "", "expected '- ' here, indented like its neighbours"),
    ("block scalar", "", "after | or > nothing else may stand on the line"),
    ("", "block sequence entries are not allowed", "a list must begin on its own line"),
    ("", "node content", "expected a value here"),
    ("", "document start", "expected nothing more here: is the line indented rightly?"),
)


def explain(problem: yaml.MarkedYAMLError, text: str) -> tuple[str, str, tuple[int, int]]:
    """A syntax error as code, message and mark."""
    start, end = problem.context_mark, problem.problem_mark or problem.context_mark
    here = (end.line, end.column) if end else (0, 0)
    context, found = problem.context or "", problem.problem or ""
    lines = BREAK.split(text)
    line = lines[here[0]] if here[0] < len(lines) else ""
    before = line[: here[1]].strip()
    if _TAB_INDENT.match(line) and not before:
        return "tab", "a tab cannot indent; use spaces", (here[0], line.index("\t"))
    if "directive" in context or "incompatible YAML" in found:
        return "directive", "directives (%…) are not allowed; take the line away", here
    message = _in_place(context, found, before, line[here[1] : here[1] + 1]) or _words(
        context, found
    )
    opened_before = "flow" in context and start is not None and start.line < here[0]
    if start is not None and ("never closed" in message or opened_before):
        here = (start.line, start.column)
    return "syntax", message, here


def _in_place(context: str, found: str, before: str, char: str) -> str | None:
    """Words for what only the text around the place tells apart."""
    if "cannot start any token" in found:
        return f"text cannot begin with {char}: quote it"
    if "mapping values are not allowed" in found:
        if ": " in before:
            return "a ': ' cannot stand inside text: quote it"
        return "no key can stand here: is it indented rightly? has the line above a ':'?"
    if "block mapping" in context and before.endswith(("'", '"')):
        return "text goes on after its closing quote; inside '…' write '' for a quote"
    return None


def _words(context: str, found: str) -> str:
    for in_context, in_problem, message in _WORDS:
        if in_context in context and in_problem in found:
            return message
    return f"this is no YAML: {found}"

"""Translates libyaml's syntax errors into messages that say what to do."""

from __future__ import annotations

import re

import yaml

BREAK = re.compile(r"\r\n|\r|\n")
_TAB_INDENT = re.compile(r"[ ]*\t")

# (part of the context, part of the problem, message); the first matching row wins.
_WORDS = (
    ("quoted scalar", "end of stream", "this quote is not closed"),
    ("quoted scalar", "document indicator", "this quote is not closed"),
    ("quoted scalar", "unknown escape", r"unknown escape; write \\ for a backslash"),
    (
        "quoted scalar",
        "invalid Unicode",
        r"this escape is half of a character; write the character itself, or \U with 8 digits",
    ),
    ("quoted scalar", "", r"broken escape in double quotes; write \\ for a backslash"),
    ("an anchor", "", "text cannot begin with &; quote it"),
    ("an alias", "", "text cannot begin with *; quote it"),
    ("a tag", "", "text cannot begin with !; quote it"),
    ("", "expected ':'", "expected 'key: value' on this line"),
    ("flow mapping", "", "a ',' is missing, or the '}' of this mapping"),
    ("flow sequence", "", "a ',' is missing, or the ']' of this list"),
    ("block mapping", "", "expected a key here, indented like its neighbours"),
    ("block collection", "", "expected '- ' here, indented like its neighbours"),
    ("block scalar", "", "nothing else may follow | or > on the line"),
    ("", "block sequence entries are not allowed", "a list must begin on its own line"),
    ("", "node content", "expected a value here"),
    ("", "document start", "unexpected content here: is the line indented correctly?"),
)


def explain(problem: yaml.MarkedYAMLError, text: str) -> tuple[str, str, tuple[int, int]]:
    """Returns a syntax error as its code, message and mark."""
    start, end = problem.context_mark, problem.problem_mark or problem.context_mark
    here = (end.line, end.column) if end else (0, 0)
    context, found = problem.context or "", problem.problem or ""
    lines = BREAK.split(text)
    line = lines[here[0]] if here[0] < len(lines) else ""
    before = line[: here[1]].strip()
    if _TAB_INDENT.match(line) and not before:
        return "tab", "a tab cannot indent; use spaces", (here[0], line.index("\t"))
    if "directive" in context or "incompatible YAML" in found:
        return "directive", "directives (%…) are not allowed; remove the line", here
    message = _in_place(context, found, before, line[here[1] : here[1] + 1]) or _words(
        context, found
    )
    opened_before = "flow" in context and start is not None and start.line < here[0]
    if start is not None and ("not closed" in message or opened_before):
        here = (start.line, start.column)
    return "syntax", message, here


def _in_place(context: str, found: str, before: str, char: str) -> str | None:
    """Returns the message of errors that only the text around the place distinguishes."""
    if "cannot start any token" in found:
        return f"text cannot begin with {char}; quote it"
    if "mapping values are not allowed" in found:
        if ": " in before:
            return "text cannot contain ': '; quote it"
        return "unexpected key here: is it indented correctly? does the line above have a ':'?"
    if "block mapping" in context and before.endswith(("'", '"')):
        return "text continues after its closing quote; inside '…' write '' for a quote"
    return None


def _words(context: str, found: str) -> str:
    for in_context, in_problem, message in _WORDS:
        if in_context in context and in_problem in found:
            return message
    return f"invalid YAML: {found}"

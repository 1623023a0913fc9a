"""What libyaml says of broken YAML, in words that say what to do."""

from __future__ import annotations

import re

import yaml

_TAB_INDENT = re.compile(r"[ ]*\t")

# (in its context, in its problem, code, message); the first row that fits both.
_WORDS = (
    ("quoted scalar", "end of stream", "syntax", "this quote is never closed"),
    ("quoted scalar", "document indicator", "syntax", "this quote is never closed"),
    ("quoted scalar", "unknown escape", "syntax", r"unknown escape; write \\ for a backslash"),
    ("quoted scalar", "", "syntax", r"broken escape in double quotes; write \\ for a backslash"),
    ("an anchor", "", "syntax", "text cannot begin with &: quote it"),
    ("an alias", "", "syntax", "text cannot begin with *: quote it"),
    ("a tag", "", "syntax", "text cannot begin with !: quote it"),
    ("directive", "", "directive", "directives (%…) are not allowed; take the line away"),
    ("", "incompatible YAML", "directive", "directives (%…) are not allowed; take the line away"),
    ("", "mapping values are not allowed", "syntax",
     "a ': ' cannot stand here: quote the text that holds it, or indent the key rightly"),
    ("", "expected ':'", "syntax", "expected 'key: value' on this line"),
    ("flow mapping", "", "syntax", "a ',' is missing, or the '}' of this mapping"),
    ("flow sequence", "", "syntax", "a ',' is missing, or the ']' of this list"),
    ("block mapping", "", "syntax", "expected a key here, indented like its neighbours"),
    ("block collection", "", "syntax", "expected '- ' here, indented like its neighbours"),
    ("block scalar", "", "syntax", "after | or > nothing else may stand on the line"),
    ("", "block sequence entries are not allowed", "syntax", "a list must begin on its own line"),
    ("", "node content", "syntax", "expected a value here"),
    ("", "document start", "syntax", "expected nothing more here: is the line indented rightly?"),
)  # fmt: skip


def explain(problem: yaml.MarkedYAMLError, text: str) -> tuple[str, str, tuple[int, int]]:
    """A syntax error as code, message and mark."""
    mark = problem.problem_mark or problem.context_mark
    here = (mark.line, mark.column) if mark else (0, 0)
    context, found = problem.context or "", problem.problem or ""
    lines = re.split(r"\r\n|\r|\n", text)
    line = lines[here[0]] if here[0] < len(lines) else ""
    if _TAB_INDENT.match(line) and not line[: here[1]].strip():
        return "tab", "a tab cannot indent; use spaces", (here[0], line.index("\t"))
    if "cannot start any token" in found:
        char = line[here[1] : here[1] + 1]
        return "syntax", f"text cannot begin with {char}: quote it", here
    for in_context, in_problem, code, message in _WORDS:
        if in_context in context and in_problem in found:
            start = problem.context_mark
            if start and ("never" in message or ("flow" in in_context and start.line < here[0])):
                here = (start.line, start.column)
            return code, message, here
    return "syntax", f"this is no YAML: {found}", here

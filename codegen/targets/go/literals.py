"""Go literals and comments, as gofmt leaves them.

gofmt aligns neighbouring lines; a comment above each item, and rows without keys, leave it nothing
to align.
"""

from __future__ import annotations

from collections.abc import Iterable

from codegen import text

string = text.go_string


def comment(words: str, indent: str = "") -> str:
    """Returns line comments."""
    return "\n".join(text.line_comment("//", words, indent))


def row(*values: str) -> str:
    """Returns a composite literal without its type."""
    return f"{{{', '.join(values)}}}"


def lines(rows: Iterable[str]) -> str:
    """Returns the elements of an array, one per line."""
    elements = "".join(f"\n\t{element}," for element in rows)
    return f"{{{elements}\n}}" if elements else "{}"


def words(description: str) -> str:
    """Returns a description as the literal of one line."""
    return string(text.flow(description))


def boolean(value: object) -> str:
    """Returns `true` or `false`."""
    return "true" if value else "false"


def number(value: float) -> str:
    """Returns a number with all its digits."""
    return str(value) if isinstance(value, int) else repr(value)


def strings(values: Iterable[str]) -> str:
    """Returns a slice of strings, or nil if there are none."""
    literals = [string(value) for value in values]
    return f"[]string{{{', '.join(literals)}}}" if literals else "nil"

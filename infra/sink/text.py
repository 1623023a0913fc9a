"""Foreign text on its way out: to a terminal, a log, a table, a CSV or a JSON document."""

from __future__ import annotations

import json
from typing import Any

# What a spreadsheet takes for the beginning of a formula, in the widths that it accepts.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def printable(text: str) -> str:
    r"""Returns a text with everything escaped that does not print: `\n`, `\x1b`, `\u202e`.

    That covers line breaks, terminal escapes, C1 controls, and characters that reorder a line or
    have no width, so that whoever chose the text can neither forge a line nor hide a part of it.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def csv_cell(text: str) -> str:
    """Returns a text as a quoted cell that no spreadsheet takes for a formula."""
    safe = f"'{text}" if text.startswith(_FORMULA) else text
    return '"' + printable(safe).replace('"', '""') + '"'


def json_document(value: Any, default: Any = None) -> str:
    """Returns a value as an indented JSON document, with escapes as of `printable`."""
    document = json.dumps(value, indent=2, ensure_ascii=False, default=default)
    if document.replace("\n", "").isprintable():
        return document
    # Beside the line breaks of the indentation, such a character is always inside a string.
    return "".join(
        each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in document
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

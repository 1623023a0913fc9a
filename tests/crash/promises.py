"""What docs/durability.md promises: the table there is what the matrix is judged by."""

from __future__ import annotations

import re
from pathlib import Path

from tests.crash.ways import LANGUAGES, MODES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/durability.md"
_ROW = re.compile(r"^\| `([^|]+)` \|(.+)\|$", re.MULTILINE)
_WORDS = {"kept": True, "lost": False}
_COLUMNS = [(mode, language) for mode in MODES for language in LANGUAGES]


def promises() -> dict[tuple[str, str, str], bool]:
    """Whether everything is kept, by way, mode and language; cells without a word are left out."""
    found = {}
    _, _, section = DOCUMENT.read_text().partition("## What survives what")
    for way, cells in _ROW.findall(section):
        words = [cell.strip() for cell in cells.split("|")]
        for (mode, language), word in zip(_COLUMNS, words, strict=True):
            if word:
                found[way, mode, language] = _WORDS[word]
    return found

"""The guarantees of docs/durability.md: its table is what the crash matrix is checked against."""

from __future__ import annotations

import re
from pathlib import Path

from tests.crash.scenarios import LANGUAGES, MODES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/durability.md"
_ROW = re.compile(r"^\| `([^|]+)` \|(.+)\|$", re.MULTILINE)
_KEPT = {"kept": True, "lost": False}
_COLUMNS = [(mode, language) for mode in MODES for language in LANGUAGES]


def guarantees() -> dict[tuple[str, str, str], bool]:
    """Returns whether every event is kept, by scenario, mode and language, without empty cells."""
    found = {}
    _, _, section = DOCUMENT.read_text().partition("## What survives what")
    for scenario, row in _ROW.findall(section):
        cells = [cell.strip() for cell in row.split("|")]
        for (mode, language), cell in zip(_COLUMNS, cells, strict=True):
            if cell:
                found[scenario, mode, language] = _KEPT[cell]
    return found

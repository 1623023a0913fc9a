"""The surfaces as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from .compare import Difference, rows
from .surface import Concept, Surface

_NOTICE = "<!-- Made by `make generate` from the source of the SDKs. DO NOT EDIT. -->"
_INTRODUCTION = """\
# SDK parity

What each SDK shows to those who use it, read from its source. A name that only some of them have
stands here with its reason; without one, `make check` fails.
"""
_TITLES = {"python": "Python", "go": "Go", "typescript": "TypeScript"}


def render(surfaces: Sequence[Surface], differences: Sequence[Difference]) -> str:
    """A table a section."""
    reasons = {difference.concept: difference.reason for difference in differences}
    lines = [_NOTICE, "", _INTRODUCTION.rstrip()]
    for section, concepts in groupby(rows(surfaces), key=lambda concept: concept[0]):
        lines += ["", f"## {section}", "", *_table(list(concepts), surfaces, reasons)]
    return "\n".join(lines) + "\n"


def _table(
    concepts: list[Concept], surfaces: Sequence[Surface], reasons: dict[tuple[str, str], str]
) -> Iterator[str]:
    explained = any(concept in reasons for concept in concepts)
    titles = [*(_TITLES[surface.language] for surface in surfaces), *(["Why"] if explained else [])]
    yield _row(titles)
    yield _row(["---"] * len(titles))
    for concept in concepts:
        cells = [_cell(surface.names.get(concept, [])) for surface in surfaces]
        yield _row([*cells, *([reasons.get(concept, "")] if explained else [])])


def _cell(spellings: list[str]) -> str:
    return ", ".join(f"`{spelling}`" for spelling in spellings) or "—"


def _row(cells: list[str]) -> str:
    return "|".join(["", *(f" {cell} " if cell else " " for cell in cells), ""])

"""Compares the surfaces and reports what to do about each gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .surface import SECTIONS, Concept, Surface, key

KNOWN = "tests/conformance/parity/known.yaml"


@dataclass(frozen=True)
class Difference:
    """A name that only some languages have, and the reason."""

    section: str
    name: str
    only: tuple[str, ...]
    reason: str

    @property
    def concept(self) -> tuple[str, str]:
        """Returns the section and the key of the name."""
        return self.section, key(self.name)


def rows(surfaces: Sequence[Surface]) -> list[Concept]:
    """Returns each concept once, by section, in the order of the SDKs."""
    found = dict.fromkeys(concept for surface in surfaces for concept in surface.names)
    return sorted(found, key=lambda concept: SECTIONS.index(concept[0]))


def problems(surfaces: Sequence[Surface], differences: Sequence[Difference]) -> list[str]:
    """Returns a line for each gap without a reason, and for each entry that is not needed."""
    known = {difference.concept: difference for difference in differences}
    found = []
    for concept in rows(surfaces):
        having = tuple(surface.language for surface in surfaces if concept in surface.names)
        entry = known.pop(concept, None)
        if len(having) == len(surfaces):
            if entry:
                found.append(
                    f"{KNOWN}: every SDK has {entry.section} {entry.name!r}: remove the entry"
                )
        elif entry is None or set(entry.only) != set(having):
            found.append(_gap(concept, surfaces, having))
    found += [
        f"{KNOWN}: no SDK has {d.section} {d.name!r}: remove the entry" for d in known.values()
    ]
    for surface in surfaces:
        found += [
            f"{KNOWN}: {other.language} has no {other.section} {other.pattern!r}: remove the name"
            for other in surface.other_names
            if other.language == surface.language and other not in surface.used
        ]
    return found


def _gap(concept: Concept, surfaces: Sequence[Surface], having: tuple[str, ...]) -> str:
    section, _ = concept
    first = next(surface for surface in surfaces if concept in surface.names)
    lacking = ", ".join(s.language for s in surfaces if s.language not in having)
    return (
        f"{section}: {first.names[concept][0]!r} is in {', '.join(having)} and not in {lacking}: "
        f"add it there, or add the reason to {KNOWN}"
    )

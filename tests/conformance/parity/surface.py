"""The public names of an SDK by section, the same concept under the same key."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

Section = Literal[
    "Client",
    "Arguments",
    "Options",
    "Environment variables",
    "Error codes",
    "Errors",
    "Stats",
    "Event",
    "Metric constants",
    "Testing",
    "Exports",
]

SECTIONS: tuple[Section, ...] = get_args(Section)

Concept = tuple[Section, str]


def key(name: str) -> str:
    """Returns one key for `max_queue_bytes`, `MaxQueueBytes` and `maxQueueBytes`; keeps dots."""
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == ".")


@dataclass(frozen=True)
class OtherName:
    """A different name in one language, of a whole name or a part between dots; by `fnmatch`."""

    language: str
    section: str
    pattern: str
    concept: str


@dataclass
class Surface:
    """The names of one language; `used` collects the other names that were needed."""

    language: str
    other_names: tuple[OtherName, ...]
    used: set[OtherName] = field(default_factory=set)
    names: dict[Concept, list[str]] = field(default_factory=dict)

    def add(self, section: Section, name: str, spelling: str = "") -> None:
        """Adds a name, with its spelling in code if that differs."""
        concept = self._concept(section, name)
        if concept == name:
            concept = ".".join(self._concept(section, part) for part in name.split("."))
        spellings = self.names.setdefault((section, key(concept)), [])
        if (spelling or name) not in spellings:
            spellings.append(spelling or name)

    def rename(self, section: Section, name: str, concept: str) -> None:
        """Maps a name that was added to a concept."""
        if spellings := self.names.pop((section, key(name)), None):
            self.names[section, key(concept)] = spellings

    def _concept(self, section: Section, name: str) -> str:
        for other in self.other_names:
            applies = (other.language, other.section) == (self.language, section)
            if applies and fnmatchcase(name, other.pattern):
                self.used.add(other)
                return other.concept
        return name

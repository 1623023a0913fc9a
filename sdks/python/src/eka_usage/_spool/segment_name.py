"""The file names of segments, as docs/spool-format.md specifies them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

EVENTS: Final = "events"
DEAD: Final = "dead"
UNOWNED: Final = "0" * 32

_NAME = re.compile(r"(events|dead)-([0-9a-f]{32})-([0-9]{20})-([0-9]{6,})\.([0-9a-f]{32})")


class SegmentName(NamedTuple):
    """A segment's name; names of one origin sort in the order in which they were begun."""

    kind: str
    origin: str
    first_seq: int
    number: int
    owner: str

    @classmethod
    def parse(cls, text: str) -> SegmentName | None:
        """Returns the parts of a segment's name; None if the file is not a segment."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        kind, origin, first_seq, number, owner = match.groups()
        return cls(kind, origin, int(first_seq), int(number), owner)

    def __str__(self) -> str:
        return f"{self.kind}-{self.origin}-{self.first_seq:020}-{self.number:06}.{self.owner}"

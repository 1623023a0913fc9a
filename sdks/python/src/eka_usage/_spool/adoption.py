"""Segments whose owner is gone, or seems to be: which they are, and taking them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from .._generated.spool import VERSION
from .._reporting import say
from .directory import Directory
from .header import Header
from .origin import Origin
from .segment import Segment
from .segment_name import EVENTS, UNOWNED, SegmentName
from .tuning import Tuning


class Adopter:
    """Looks for abandoned segments of one destination."""

    def __init__(self, directory: Directory, origin: Origin, tuning: Tuning) -> None:
        self._directory = directory
        self._origin = origin
        self._tuning = tuning
        self._beats: dict[SegmentName, tuple[int, float]] = {}
        self._newer: set[SegmentName] = set()

    def adopted(self) -> Iterator[Segment]:
        """Takes what is abandoned, in the order of its events."""
        names = self._directory.names()
        self._beats = {name: self._beats[name] for name in names if name in self._beats}
        alive: set[str] = set()
        for name in names:
            if name.kind != EVENTS or name.owner == self._origin.id:
                continue
            try:
                segment = Segment.open(self._directory.path, name)
            except OSError:  # taken or removed a moment ago
                continue
            # Every one is watched from now on, also behind one that has to go first.
            untouched = self._untouched(name, segment)
            if name.owner != UNOWNED and untouched < self._tuning.lease:
                alive.add(name.origin)
            elif (
                name.origin not in alive
                and self._is_for_us(name, segment.header(), untouched, names)
                and segment.hand_to(self._origin.id)
            ):
                segment.end_appends()
                yield segment
                continue
            segment.close()

    def _untouched(self, name: SegmentName, segment: Segment) -> float:
        """For how long its heartbeat is known to stand still."""
        beat, now = segment.heartbeat(), time.monotonic()
        before, since = self._beats.get(name, (None, now))
        if beat != before:
            self._beats[name] = (beat, now)
            return 0
        return now - since

    def _is_for_us(
        self, name: SegmentName, header: Header | None, untouched: float, names: list[SegmentName]
    ) -> bool:
        if header is None:
            return True  # nothing was written to it
        if header.sound and header.version > VERSION:
            if name not in self._newer:
                self._newer.add(name)
                say(
                    logging.WARNING,
                    "the spool's segment %s is of version %d, which this release cannot read:"
                    " a newer one will send it",
                    name,
                    header.version,
                )
            return False
        ours = self._origin.destination
        known = header.destination if header.sound else self._goal(name.origin, names)
        if known is None:
            return header.destination == ours or untouched >= self._tuning.stray
        return known == ours

    def _goal(self, origin: str, names: list[SegmentName]) -> bytes | None:
        """Where an origin's segments were going, by the first whose header is sound."""
        for name in names:
            if name.origin == origin:
                try:
                    segment = Segment.open(self._directory.path, name, write=False)
                except OSError:  # taken or removed a moment ago
                    continue
                header = segment.header()
                segment.close()
                if header is not None and header.sound and header.version <= VERSION:
                    return header.destination
        return None

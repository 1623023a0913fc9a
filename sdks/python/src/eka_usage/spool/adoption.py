"""Segments whose owner is gone, or seems to be: which they are, and taking them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from .._generated.spool import VERSION
from ..reporting import say
from .directory import Directory
from .format import EVENTS, NOBODY, Header, Name
from .origin import Origin
from .segment import Segment


class Adopter:
    """Looks for abandoned segments of one destination."""

    def __init__(self, directory: Directory, origin: Origin, lease: float) -> None:
        self._directory = directory
        self._origin = origin
        self._lease = lease
        self._beats: dict[Name, tuple[int, float]] = {}
        self._newer: set[Name] = set()

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
            if not self._is_abandoned(name, segment):
                alive.add(name.origin)
            elif (
                name.origin not in alive
                and self._is_for_us(name, segment.header(), names)
                and segment.hand_to(self._origin.id)
            ):
                segment.end_appends()
                yield segment
                continue
            segment.close()

    def _is_abandoned(self, name: Name, segment: Segment) -> bool:
        if name.owner == NOBODY:
            return True
        beat, now = segment.heartbeat(), time.monotonic()
        before, since = self._beats.get(name, (None, now))
        if beat != before:
            self._beats[name] = (beat, now)
            return False
        return now - since >= self._lease

    def _is_for_us(self, name: Name, header: Header | None, names: list[Name]) -> bool:
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
        if header.destination == self._origin.destination:
            return True
        # Where a header is damaged, what its origin wrote beside it says where it was going.
        return not header.sound and any(
            self._says_us(other) for other in names if other.origin == name.origin
        )

    def _says_us(self, name: Name) -> bool:
        try:
            segment = Segment.open(self._directory.path, name, write=False)
        except OSError:
            return name.owner == self._origin.id
        header = segment.header()
        segment.close()
        return (
            header is not None and header.sound and header.destination == self._origin.destination
        )

"""Finds segments whose owner is dead, or seems to be, and adopts them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from .._clock import monotonic
from .._describe import describe_error
from .._generated.spool import VERSION
from .._reporting import write_log
from .access import UntrustedFileError
from .directory import Directory
from .header import Header
from .origin import Origin
from .segment import Segment
from .segment_name import EVENTS, UNOWNED, SegmentName
from .tuning import Tuning


class LastHeartbeat(NamedTuple):
    """The heartbeat of a segment, and since when this process has seen it unchanged."""

    value: int
    since: float


class Adopter:
    """Adopts orphaned segments of one destination."""

    def __init__(self, directory: Directory, origin: Origin, tuning: Tuning) -> None:
        self._directory = directory
        self._origin = origin
        self._tuning = tuning
        self._heartbeats: dict[SegmentName, LastHeartbeat] = {}
        self._left_alone: set[SegmentName] = set()

    def adopt(self) -> Iterator[Segment]:
        """Takes over orphaned segments, in the order of their events.

        They include those of others that this client owns already, but whose heartbeat it does not
        increment, since it failed when it adopted them.
        """
        names = self._directory.names()
        self._heartbeats = {n: self._heartbeats[n] for n in names if n in self._heartbeats}
        self._left_alone.intersection_update(names)
        alive: set[str] = set()
        for name in names:
            if name.kind != EVENTS or name.origin == name.owner == self._origin.id:
                continue
            try:
                adopted = self._adopt(name, names, alive)
            except FileNotFoundError:  # adopted or removed a moment ago
                continue
            except UntrustedFileError as error:
                self._leave_alone(name, str(error))
                continue
            except OSError as error:
                self._leave_alone(name, describe_error(error))
                continue
            if adopted is not None:
                yield adopted

    def _adopt(
        self, name: SegmentName, names: list[SegmentName], alive: set[str]
    ) -> Segment | None:
        """Returns a segment that is this client's now; None if it is to be left or has to wait."""
        segment = Segment.open(self._directory.handle, name)
        # Every segment is watched from now on, even one that has to wait for another.
        unchanged = self._unchanged(name, segment)
        if name.owner != UNOWNED and unchanged < self._tuning.lease:
            if name.owner != self._origin.id:  # its own are in hand, in their order
                alive.add(name.origin)
        elif (
            name.origin not in alive
            and self._is_for_us(name, segment.header(), unchanged, names)
            and segment.transfer_to(self._origin.id)
        ):
            segment.fence()
            return segment
        segment.close()
        return None

    def _unchanged(self, name: SegmentName, segment: Segment) -> float:
        """Returns for how many seconds the heartbeat is known not to have changed."""
        value, now = segment.heartbeat(), monotonic()
        last = self._heartbeats.get(name)
        if last is None or last.value != value:
            self._heartbeats[name] = LastHeartbeat(value, now)
            return 0
        return now - last.since

    def _is_for_us(
        self, name: SegmentName, header: Header | None, unchanged: float, names: list[SegmentName]
    ) -> bool:
        """Reports whether a segment's events are for this client's destination."""
        if header is None:
            return True  # nothing was written to it
        if header.is_sound and header.version > VERSION:
            why = (
                f"it has a newer format version, {header.version}, for a newer release of this SDK"
            )
            self._leave_alone(name, why)
            return False
        ours = self._origin.destination
        known = header.destination if header.is_sound else self._destination_of(name.origin, names)
        if known is None:
            return header.destination == ours or unchanged >= self._tuning.orphan_timeout
        return known == ours

    def _leave_alone(self, name: SegmentName, why: str) -> None:
        """Logs, once, that a file is not adopted."""
        if name not in self._left_alone:
            self._left_alone.add(name)
            text = "file %s in %s is left alone: %s"
            write_log(logging.WARNING, text, name, self._directory.path, why)

    def _destination_of(self, origin: str, names: list[SegmentName]) -> bytes | None:
        """Returns the destination of an origin, by its first segment with a sound header."""
        for name in names:
            if name.origin == origin:
                try:
                    segment = Segment.open(self._directory.handle, name, write=False)
                    header = segment.header()
                except (UntrustedFileError, OSError):  # or adopted or removed a moment ago
                    continue
                segment.close()
                if header is not None and header.is_sound and header.version <= VERSION:
                    return header.destination
        return None

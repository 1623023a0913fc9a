"""Event ids: UUIDv7, sortable by time, unique without coordination."""

from __future__ import annotations

import os

# Decimal digits are hexadecimal digits too. So the last twelve digits of an id are a decimal
# number, which is the quickest thing that Python can format: a random start plus the event's seq.
_LOWEST = 10**11
_STARTS = 4 * 10**11
_SPAN = 4 * 10**11


class EventIds:
    """Mints the ids of one client instance.

    65 random bits, drawn once, distinguish instances; seq distinguishes their events.
    """

    __slots__ = ("_random", "span", "start")

    def __init__(self) -> None:
        seed = int.from_bytes(os.urandom(16), "big")
        rand_a, seed = seed & 0xFFF, seed >> 12
        rand_b, seed = seed & 0x3FFF, seed >> 14
        self._random = f"7{rand_a:03x}-{0x8000 | rand_b:04x}-"
        self.start = _LOWEST + seed % _STARTS
        self.span = _SPAN

    def prefix(self, milliseconds: int) -> str:
        """Returns all but the last twelve digits of an id of this time."""
        time = f"{milliseconds & 0xFFFFFFFFFFFF:012x}"
        return f"{time[:8]}-{time[8:]}-{self._random}"

    def mint(self, milliseconds: int, seq: int) -> str:
        """Returns the id of the event with this number."""
        return f"{self.prefix(milliseconds)}{self.start + seq % self.span}"

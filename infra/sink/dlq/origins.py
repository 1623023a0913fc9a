"""A set of origins that a flood of messages does not fill the memory with."""

from __future__ import annotations

from infra.sink.dlq.record import Origin

_CHUNK = 1_024


class OriginSet:
    """Keeps a bit per offset: neighbours, such as those of a flood, share an integer."""

    def __init__(self) -> None:
        self._chunks: dict[tuple[str, int, int], int] = {}

    def add(self, origin: Origin) -> bool:
        """Adds an origin, and returns whether it is new."""
        chunk, bit = _place(origin)
        bits = self._chunks.get(chunk, 0)
        self._chunks[chunk] = bits | bit
        return not bits & bit

    def __contains__(self, origin: Origin) -> bool:
        chunk, bit = _place(origin)
        return bool(self._chunks.get(chunk, 0) & bit)


def _place(origin: Origin) -> tuple[tuple[str, int, int], int]:
    chunk, bit = divmod(origin.offset, _CHUNK)
    return (origin.topic, origin.partition, chunk), 1 << bit

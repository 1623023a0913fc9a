"""Takes the events of a request a few at a time, so that the worker answers others in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_AT_ONCE = 10


async def in_parts(several: Sequence[_Item]) -> AsyncIterator[Sequence[_Item]]:
    """Yields a few at a time."""
    for start in range(0, len(several), _AT_ONCE):
        if start:
            await asyncio.sleep(0)
        yield several[start : start + _AT_ONCE]

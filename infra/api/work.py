"""Where requests are looked at: large ones on a thread, so that small ones do not wait for them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# Of a few events: to look at so much takes less time than to hand it to a thread. Whatever it has,
# such as empty objects, it takes a few milliseconds at most.
_SMALL = 4 * 1024
# Others wait behind these two, not behind each other's connections.
_THREADS = 2
# Seconds: when a small request arrives, a large one stops for it after so long.
_SWITCH_SECONDS = 0.0005

_Found = TypeVar("_Found")


class Work:
    """Looks at requests, in the time that their size allows."""

    def __init__(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._threads = ThreadPoolExecutor(_THREADS, "large-requests")

    async def do(self, size: int, what: Callable[[], _Found]) -> _Found:
        """Returns what a function returns.

        Args:
            size: of the request, in bytes, which bounds how long it takes.
            what: the function.
        """
        if size <= _SMALL:
            return what()
        return await asyncio.get_running_loop().run_in_executor(self._threads, what)

    def close(self) -> None:
        """Waits for what was begun."""
        self._threads.shutdown()

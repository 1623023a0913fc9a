"""Bounds how many questions are answered at once, so that no API key takes the turns of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infra.api.errors import RETRY_SECONDS, AnswerError
from infra.api.keys.key import Key

AT_ONCE = 4
"""Questions of one worker; more wait."""
_ASKED = 32
# Of one key, so that another's question finds a thread, and a place to wait.
_AT_ONCE_OF_KEY, _ASKED_OF_KEY = 3, 16


@dataclass(slots=True)
class _OfKey:
    """The questions of one key."""

    asked: int = 0
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE_OF_KEY))


class Turns:
    """Counts the questions that are asked of one worker."""

    def __init__(self) -> None:
        self._asked = 0
        self._keys: dict[str, _OfKey] = {}

    @asynccontextmanager
    async def take(self, key: Key) -> AsyncIterator[None]:
        """Waits until a key may ask.

        Raises:
            AnswerError: too many wait, of this key or of all.
        """
        own = self._keys.get(key.id) or _OfKey()
        if self._asked >= _ASKED or own.asked >= _ASKED_OF_KEY:
            headers = {"retry-after": str(RETRY_SECONDS)}
            raise AnswerError.of("server.busy", hint="ask again later", headers=headers)
        self._keys[key.id] = own
        self._asked += 1
        own.asked += 1
        try:
            async with own.at_once:
                yield
        finally:
            self._asked -= 1
            own.asked -= 1
            if not own.asked:
                del self._keys[key.id]

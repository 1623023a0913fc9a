"""Waits until Kafka has what was accepted, for requests that ask for it."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from infra.api.recorder import Recorder

# A wait is cut into slices, so that a server that stops does not wait for the rest of it.
_SLICE = 0.5


class Delivery:
    """Waits for everything that this worker has accepted, in one thread for all requests.

    Args:
        recorder: what accepts events.
        seconds: how long Kafka may take, after which the client is told that they are on disk.
    """

    def __init__(self, recorder: Recorder, seconds: float) -> None:
        self._recorder = recorder
        self._seconds = seconds
        self._running: asyncio.Task[bool] | None = None
        self._next: asyncio.Task[bool] | None = None

    async def is_complete(self) -> bool:
        """Reports whether Kafka has, in time, all that was accepted before.

        A wait that has begun may not include the events of this request, so the next one counts,
        which many requests share.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._running))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(self._next)
        except TimeoutError:
            return False

    async def _round(self, before: asyncio.Task[bool] | None) -> bool:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        failed = self._recorder.failed()
        deadline = asyncio.get_running_loop().time() + self._seconds
        while await run_in_threadpool(self._recorder.flush, _SLICE):
            if asyncio.get_running_loop().time() > deadline:
                return False
        # Whose event Kafka refused is not known, so nobody is told that theirs is there.
        return self._recorder.failed() == failed

"""A service with an event loop awaits `aflush()` and `ashutdown()`, and goes on meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

from eka_usage import EkaClient

from sdks.python.tests.support import NO_BROKER, ClientFactory, ReportedErrors
from sdks.python.tests.topic_reader import TopicReader


async def turns_while(waiting: Any) -> tuple[int, int]:
    """Returns the result, and how many turns the event loop made meanwhile."""
    task = asyncio.ensure_future(waiting)
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0.005)
    return await task, turns


def test_flush_and_shutdown_can_be_awaited(make_client: ClientFactory, topic: TopicReader) -> None:
    client = make_client()

    async def service() -> list[int]:
        client.record("ws", "api", "api_call")
        flushed = await client.aflush()
        client.record("ws", "api", "api_call")
        return [flushed, await client.ashutdown()]

    assert asyncio.run(service()) == [0, 0]
    assert len(topic.messages()) == 2


def test_the_event_loop_goes_on_during_a_wait(errors: ReportedErrors) -> None:
    client = EkaClient("async", NO_BROKER, {"log_level": 0}, errors, spool="off")

    async def service() -> None:
        client.record("ws", "api", "api_call")
        left, turns = await turns_while(client.aflush(0.2))
        assert left == 1
        assert turns > 5
        given_up, turns = await turns_while(client.ashutdown(0.2))
        assert given_up == 1
        assert turns > 5

    asyncio.run(service())
    assert errors.codes == ["shutdown.timeout"]


def test_a_cancelled_shutdown_still_shuts_down(make_client: ClientFactory) -> None:
    client = make_client()

    async def service() -> None:
        client.record("ws", "api", "api_call")
        task = asyncio.create_task(client.ashutdown())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(service())
    assert client.record("ws", "api", "api_call") is None
    assert client.stats().delivered == 1

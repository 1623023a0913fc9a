"""How many questions a key may ask at once, beside those of others."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from infra.api.answers.turns import Turns
from infra.api.errors import AnswerError
from infra.api.keys.key import Key


def _key(name: str) -> Key:
    return Key(name, "", "svc", ("read",), None, "")


def test_a_key_leaves_turns_to_others() -> None:
    async def ask() -> None:
        turns, greedy = Turns(), _key("greedy")
        asked: list[int] = []
        async with (
            AsyncExitStack() as others,
            asyncio.TaskGroup() as waiting,
            AsyncExitStack() as first,
        ):
            for _ in range(3):
                await first.enter_async_context(turns.take(greedy))

            async def wait() -> None:
                async with turns.take(greedy):
                    asked.append(1)

            for _ in range(13):
                waiting.create_task(wait())
                await asyncio.sleep(0)
            assert asked == []
            with pytest.raises(AnswerError) as refused:
                async with turns.take(greedy):
                    pass
            assert (refused.value.status, refused.value.code) == (429, "server.busy")
            assert refused.value.headers == {"retry-after": "30"}
            for number in range(16):
                await others.enter_async_context(turns.take(_key(f"other {number}")))
            with pytest.raises(AnswerError, match="too many queries"):
                async with turns.take(_key("one more")):
                    pass
        assert len(asked) == 13

    asyncio.run(asyncio.wait_for(ask(), 60))

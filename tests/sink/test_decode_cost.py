"""Decoding costs linear time and bounded memory, whatever the bytes are."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from infra.sink._generated.fields import FIELDS, ID
from infra.sink.decode import decode
from tests.sink.harness import encoded, event

_SIZE = 200_000
# Of CPU time for 100 kB, on a machine like those that the tests usually run on.
_LIMIT_MS = 10.0
_SEED, _ROUNDS, _PER_ROUND = 20_26, 12, 12

_PIECES = ("a", "é", "a-", r"\\", r"\u0061", "0", " ")

Random = random.Random
Part = Callable[[Random], str]


def _value(chance: Random) -> str:
    length = chance.randrange(1, 3_000)
    digit = chance.choice("0159")
    return chance.choice(
        (
            digit.replace("0", "1") * length,
            f"0.{digit * length}",
            f"-1e{digit.replace('0', '2') * min(length, 300)}",
            f'"a{chance.choice(_PIECES) * length}"',
            "[" * min(length, 400) + "]" * min(length, 400),
            "[" + "0," * length + "0]",
            '{"a":' * min(length, 400) + "1" + "}" * min(length, 400),
            '"' + json.dumps({f"k{n}": n for n in range(length // 9)}).replace('"', '\\"') + '"',
            '"2026-03-10T12:00:00.' + digit * length + 'Z"',
        )
    )


_PARTS: tuple[Part, ...] = (
    lambda chance: f'"{chance.randrange(10**6)}":1',
    lambda chance: f'"\\u006b{chance.randrange(10**6)}":1',
    lambda chance: f'"{"k" * chance.randrange(9_000)}":1',
    lambda _: '"same":1',
    lambda chance: f'"{chance.choice(FIELDS).name}":{_value(chance)}',
    lambda chance: f'"more":{_value(chance)}',
)


def _message(chance: Random, recipe: list[int], size: int) -> bytes:
    """An event with parts by the recipe, until it has the size; sometimes cut or damaged."""
    parts: list[str] = []
    length = 0
    while length < size:
        part = _PARTS[chance.choice(recipe)](chance)
        parts.append(part)
        length += len(part) + 1
    valid = encoded(event())[:-1].decode()
    text = (
        ",".join((valid, *parts)) if chance.random() < 0.7 else "{" + ",".join((*parts, valid[1:]))
    )
    return f"{text}}}".encode()[: size if chance.random() < 0.1 else None]


def _cpu_ms(call: Callable[[], object]) -> float:
    """The least CPU time of three calls; other processes disturb it, and never lower it."""
    least = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return least * 1000


def _limit() -> float:
    """The limit for 100 kB on this machine, by what reading JSON costs here."""
    yardstick = json.dumps({f"key-{n}": n for n in range(6_000)})
    return _LIMIT_MS * max(1.0, _cpu_ms(lambda: json.loads(yardstick)) / 1.5)


def _search(chance: Random) -> Iterator[tuple[float, bytes]]:
    """Yields messages and their cost per 100 kB: the recipes of the slowest are varied further."""
    recipes: list[list[int]] = [[]]
    for _ in range(_ROUNDS):
        found = []
        for _ in range(_PER_ROUND):
            recipe = [*chance.choice(recipes), chance.randrange(len(_PARTS))]
            message = _message(chance, recipe, chance.choice((_SIZE // 4, _SIZE)))
            cost = _cpu_ms(partial(decode, message)) * 100_000 / len(message)
            found.append((cost, message, recipe))
            yield cost, message
        recipes = [recipe for _, _, recipe in sorted(found, key=lambda each: -each[0])[:4]]


def test_a_search_finds_no_message_that_is_slow_to_decode() -> None:
    limit = _limit()
    slowest, message = max(_search(Random(_SEED)))
    assert slowest < limit, message[:500]


@pytest.mark.parametrize(
    "make",
    [
        lambda count: encoded(event(**{f"unknown-{n:06}": 1 for n in range(count)})),
        lambda count: encoded(event())[:-1] + b',"%s":1}' % (b"k" * count * 16),
        lambda count: encoded(event(**{ID: "x" * count * 16})),
        lambda count: encoded(event())[:-1] + b"," + b'"same":1,' * count + b'"end":1}',
        lambda count: encoded(event()) + b" " * count * 16,
        lambda count: b'{"' + b"\\u0061" * count * 3 + b'":1}',
    ],
    ids=["unknown keys", "a long key", "a long id", "the same key", "blanks", "escapes"],
)
def test_eight_times_the_bytes_cost_far_less_than_64_times_the_time(
    make: Callable[[int], bytes],
) -> None:
    small, large = make(1_200), make(9_600)
    assert len(large) < 262_144
    times = 5
    few = _cpu_ms(lambda: [decode(small) for _ in range(times)])
    many = _cpu_ms(lambda: [decode(large) for _ in range(times)])
    # A linear cost is 8 times as much; other processes take the caches away from the larger one.
    assert many < 40 * max(few, 0.5)


def test_decoding_takes_memory_in_proportion_to_the_message() -> None:
    message = encoded(event(**{f"{n:05}": 1 for n in range(20_000)}))
    tracemalloc.start()
    try:
        decode(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * len(message)

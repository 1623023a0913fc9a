"""Metadata is best effort: what is lost of it is reported, and the event still counts."""

from __future__ import annotations

import collections
import json
import time
import types
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from sdks.python.tests.support import Outcome, record_event

LIMIT = 32768
MARKER = {"_truncated": True}


class Plain(Enum):
    A = "a"


class Thing:
    def __str__(self) -> str:
        return "a thing"


def degraded(outcome: Outcome) -> str:
    """Returns the loss that the one `metadata.degraded` error describes."""
    assert outcome.event_id is not None
    assert (outcome.error.code, outcome.error.field) == ("metadata.degraded", "metadata")
    assert outcome.context.get("event_id") == outcome.event_id
    return str(outcome.error).removeprefix("degraded metadata: ")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"a": None, "b": True, "c": 1, "d": "text", "e": 0.5},
        {"nested": {"list": [1, [2, {"x": []}]], "tuple": ()}},
        {"zebra": 1, "apple": 2, "Mango": 3},
        {"": ""},
        {str(number): number for number in range(500)},
        collections.OrderedDict(b=1, a=2),
        types.MappingProxyType({"a": 1}),
        collections.ChainMap({"a": 1}, {"b": 2}),
        collections.Counter("aab"),
    ],
    ids=lambda metadata: str(metadata)[:30],
)
def test_values_that_json_can_express_keep_their_form_and_order(
    metadata: Mapping[str, Any],
) -> None:
    outcome = record_event(metadata=metadata)
    assert outcome.errors == []
    assert outcome.event["metadata"] == json.dumps(dict(metadata), separators=(",", ":"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "2026-01-02T03:04:05+00:00"),
        (datetime(2026, 1, 2), "2026-01-02T00:00:00"),  # noqa: DTZ001
        (date(2026, 1, 2), "2026-01-02"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_dates_and_uuids_become_strings_without_loss(value: object, text: str) -> None:
    outcome = record_event(metadata={"v": value})
    assert outcome.errors == []
    assert outcome.metadata == {"v": text}


@pytest.mark.parametrize(
    ("value", "text", "lost"),
    [
        (float("nan"), "NaN", "'v' is not a finite number"),
        (float("inf"), "Infinity", "'v' is not a finite number"),
        (-float("inf"), "-Infinity", "'v' is not a finite number"),
        (Decimal("NaN"), "NaN", "'v' is not a finite number"),
        (Decimal("sNaN"), "NaN", "'v' is not a finite number"),
        (Decimal("-sNaN123"), "NaN", "'v' is not a finite number"),
        (Decimal("-Infinity"), "-Infinity", "'v' is not a finite number"),
        (b"raw", "b'raw'", "'v' of type bytes became a string"),
        ({1}, "{1}", "'v' of type set became a string"),
        (frozenset(), "frozenset()", "'v' of type frozenset became a string"),
        (1j, "1j", "'v' of type complex became a string"),
        (Fraction(1, 3), "1/3", "'v' of type Fraction became a string"),
        (timedelta(minutes=1), "0:01:00", "'v' of type timedelta became a string"),
        (Plain.A, "Plain.A", "'v' of type Plain became a string"),
        (Thing(), "a thing", "'v' of type Thing became a string"),
        (PurePosixPath("/a"), "/a", "'v' of type PurePosixPath became a string"),
        (np.array([1, 2]), "[1 2]", "'v' of type ndarray became a string"),
        (ValueError("no"), "no", "'v' of type ValueError became a string"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_values_that_json_cannot_express_become_strings_and_are_reported(
    value: object, text: str, lost: str
) -> None:
    outcome = record_event(metadata={"v": value, "kept": 1})
    assert outcome.metadata == {"v": text, "kept": 1}
    assert degraded(outcome) == lost


def test_the_error_names_the_path_of_the_lost_value() -> None:
    outcome = record_event(metadata={"a": [{"b": [0, {1}]}]})
    assert degraded(outcome) == "'a.0.b.1' of type set became a string"


def test_only_the_first_three_losses_are_reported() -> None:
    outcome = record_event(metadata={str(number): {number} for number in range(100)})
    assert degraded(outcome).count(" of type set became a string") == 3
    assert len(outcome.metadata) == 100


@pytest.mark.parametrize(
    ("key", "name"),
    [(1, "1"), (None, "None"), (("a", 1), "('a', 1)"), (b"k", "b'k'"), (0.5, "0.5")],
)
def test_a_non_string_key_becomes_a_string(key: object, name: str) -> None:
    outcome = record_event(metadata={key: "v"})
    assert outcome.metadata == {name: "v"}
    assert degraded(outcome) == f"'key' of type {type(key).__name__} became a string"


def test_an_object_whose_str_raises_is_replaced_by_its_type_name() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert record_event(metadata={"v": [Broken()]}).metadata == {"v": ["<Broken>"]}


def test_a_reference_cycle_is_cut_where_it_closes() -> None:
    loop: dict[str, Any] = {"a": 1}
    loop["loop"] = [loop]
    outcome = record_event(metadata=loop)
    assert outcome.metadata == {"a": 1, "loop": ["[too deep]"]}
    assert degraded(outcome) == "'loop.0' contains itself"


def test_one_object_in_two_places_is_not_a_cycle() -> None:
    shared = {"a": [1]}
    outcome = record_event(metadata={"x": shared, "y": [shared, shared]})
    assert outcome.errors == []
    assert outcome.metadata == {"x": shared, "y": [shared, shared]}


def nested(levels: int) -> dict[str, Any]:
    """Returns a mapping with this many levels."""
    found: dict[str, Any] = {}
    for _ in range(levels - 1):
        found = {"d": found}
    return found


def test_metadata_may_be_32_levels_deep() -> None:
    assert record_event(metadata=nested(32)).errors == []
    outcome = record_event(metadata=nested(33))
    assert degraded(outcome).endswith(" is nested too deeply")
    assert json.dumps(outcome.metadata).count("{") == 32
    assert "[too deep]" in outcome.event["metadata"]


def test_metadata_of_5000_levels_is_cut_like_any_other() -> None:
    assert degraded(record_event(metadata=nested(5000))).endswith(" is nested too deeply")


def metadata_of_size(size: int, filler: str = "x") -> dict[str, str]:
    """Returns metadata whose JSON has this many bytes."""
    room = size - len('{"k":""}')
    each = len(filler.encode())
    return {"k": filler * (room // each) + "x" * (room % each)}


@pytest.mark.parametrize("filler", ["x", "é", "🩺"])
def test_metadata_of_exactly_the_limit_is_kept_and_one_byte_more_is_cut(filler: str) -> None:
    outcome = record_event(metadata=metadata_of_size(LIMIT, filler))
    assert outcome.errors == []
    assert len(outcome.event["metadata"].encode()) == LIMIT
    outcome = record_event(metadata=metadata_of_size(LIMIT + 1, filler))
    assert outcome.metadata == MARKER
    assert degraded(outcome) == "it was cut, as it exceeds 32768 bytes"


def test_the_limit_counts_the_bytes_of_the_encoded_json() -> None:
    assert record_event(metadata={"k": '"' * 16_000}).errors == []
    assert record_event(metadata={"k": '"' * 16_400}).metadata == MARKER
    assert record_event(metadata={"k": "\x01" * 6_000}).metadata == MARKER


class Endless(Mapping[str, int]):
    """A mapping with infinitely many keys."""

    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1

    def __len__(self) -> int:
        return 5


def laughs(levels: int) -> list[Any]:
    """Returns nested lists of 10**levels strings that take little memory."""
    found: list[Any] = ["lol"] * 10
    for _ in range(levels - 1):
        found = [found] * 10
    return found


HUGE: dict[str, Any] = {
    "a long string": {"k": "x" * 10_000_000},
    "a long string of escapes": {"k": "\n" * 10_000_000},
    "a long key": {"x" * 10_000_000: 1},
    "many long strings": {str(number): "x" * 30_000 for number in range(60)},
    "many keys": {f"key-{number}": number for number in range(500_000)},
    "a long list": {"k": list(range(1_000_000))},
    "billion laughs": {"k": laughs(9)},
    "no end": Endless(),
    "long bytes": {"k": b"\xff" * 10_000_000},
    "a long bytearray": {"k": bytearray(10_000_000)},
    "a large set": {"k": set(range(1_000_000))},
    "an endless integer": {"k": 7**200_000},
    "an endless decimal": {"k": Decimal("7" * 200_000)},
}


@pytest.mark.parametrize("what", HUGE)
def test_huge_metadata_is_cut_and_costs_the_caller_little_time(what: str) -> None:
    took = 0.0
    for _ in range(20):  # a busy machine disturbs a few calls
        start = time.thread_time()
        outcome = record_event(metadata=HUGE[what])
        took = time.thread_time() - start
        assert outcome.metadata == MARKER
        assert "it was cut, as it exceeds 32768 bytes" in degraded(outcome)
        if took < 0.05:
            return
    pytest.fail(f"it took {took:.2f} s at last")


def test_a_mapping_that_raises_loses_the_metadata_and_nothing_else() -> None:
    class Broken(dict[str, object]):
        def items(self) -> Any:
            raise RuntimeError

    outcome = record_event(metadata=Broken(a=1))
    assert outcome.metadata == {}
    assert degraded(outcome) == "it could not be read: RuntimeError"


def test_metadata_changed_after_record_has_no_effect() -> None:
    metadata = {"a": [1]}
    outcome = record_event(metadata=metadata)
    metadata["a"].append(2)
    assert outcome.metadata == {"a": [1]}


def test_keys_whose_strings_are_the_same_are_renamed_and_reported() -> None:
    outcome = record_event(metadata={1: "a", "1": "b", PurePosixPath("1"): "c", "~": {"x": 1}})
    assert outcome.metadata == {"1": "a", "1~2": "b", "1~3": "c", "~": {"x": 1}}
    message = str(outcome.error)
    assert "'1~2' was renamed, as another key has its name" in message


def test_a_key_with_the_name_of_a_renamed_one_is_renamed_too() -> None:
    outcome = record_event(metadata={"\ud800": 1} | {"\udc00": 2, "\ufffd~2": 3})
    assert outcome.metadata == {"\ufffd": 1, "\ufffd~2": 2, "\ufffd~2~2": 3}

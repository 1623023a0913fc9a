"""Bodies are parsed an item at a time, of which only a part is looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.api.errors import AnswerError
from infra.api.wire import json_text
from infra.api.wire.json_text import parse_json, parse_list

ITEMS: list[Any] = [
    {"a": 'x\\\n"]}é😀,[', "b": [1.5, -2, 1e300, True, False, None]},
    12345678,
    "]",
    [],
    {},
    [[{"c": {"d": "e"}}]],
    -0.25,
    None,
    "",
]


def parsed(body: str, most: int = 500) -> list[Any] | None:
    return parse_list(body.encode(), "events", most)


@pytest.mark.parametrize("indent", [None, 3])
@pytest.mark.parametrize("is_member", [False, True])
@pytest.mark.parametrize("is_ascii", [False, True])
def test_items_are_whole_wherever_a_part_ends(
    indent: int | None, is_member: bool, is_ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"events": ITEMS} if is_member else ITEMS
    body = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    for largest in range(220, 320):
        monkeypatch.setattr(json_text, "_LARGEST_ITEM", largest)
        assert parsed(body) == ITEMS
        with pytest.raises(AnswerError, match="body too large"):
            parsed(json.dumps([*ITEMS, {"a": "b" * largest}, 1]))
        with pytest.raises(AnswerError, match=r"not JSON: .*at character 70\d"):
            parsed("[" + "1," * 350 + "oops," + "1," * 350 + "1]")


def test_what_is_no_array_is_left_to_others() -> None:
    for body in ("{}", "7", "", '{"event": []}', '{"more": 1, "events": []}'):
        assert parsed(body) is None
    assert parsed(" [ ] ") == parsed('{ "events" : [ ] }') == []


def test_no_more_is_parsed_than_is_of_use() -> None:
    assert parsed("[1, 2, 3, oops", most=2) == [1, 2, 3]
    with pytest.raises(AnswerError, match="one event has at most 131,072"):
        parse_json(b" " * 200_000)


def test_what_takes_long_to_look_at_is_refused_before() -> None:
    event = '{"a":[' + "{}," * 2_000 + "1]}"
    with pytest.raises(AnswerError, match="one event has at most 2,000 lists and objects"):
        parse_json(event.encode())
    with pytest.raises(AnswerError, match="one event has at most 2,000 lists and objects"):
        parsed(f"[1, {event}]")
    with pytest.raises(AnswerError, match="one request has at most 20,000 lists and objects"):
        parsed(f"[{', '.join(['[' + '{},' * 1_900 + '1]'] * 11)}]")


def test_brackets_in_texts_are_none() -> None:
    texts = json.dumps(['{]\\"[' * 900, "[" * 3_000, {"\\": "{"}])
    assert parse_json(texts.encode()) == json.loads(texts)
    assert parsed(f"[{', '.join([texts] * 10)}]") == [json.loads(texts)] * 10
    # What does not end is looked at once, and refused by the parser.
    for unending in ('"' + '\\"' * 60_000, '"\\' * 40_000, "[" + '"[",' * 20_000 + '"'):
        with pytest.raises(AnswerError, match="not JSON"):
            parse_json(unending.encode())

"""Parses the JSON of requests strictly, an item at a time, and no more than is of use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from infra.api.errors import AnswerError
from infra.sink import strict_json

# An event has at most 32 KiB of metadata and 64 KiB of other events' ids. Nothing else runs while
# the parser is at integers, lists and texts, which for so many takes it 3 ms.
_LARGEST_ITEM = 128 * 1024
# Lists and objects. To check and to write one takes 3 µs, far longer than to send it.
_MOST_OF_EVENT, _MOST_OF_BODY = 2_000, 20_000
# So many brackets are counted as they are, as a batch of such events has not too many.
_FEW = 40
# Also one that does not end, so that no character is looked at twice.
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Of a number, a word or an escape, of which a part may have the beginning.
_LONGEST_TOKEN = 16
_WHITE = " \t\n\r"
_SPACE = rf"[{_WHITE}]*"
_AFTER_ITEM = re.compile(rf"{_SPACE}([,\]]){_SPACE}")


def parse_json(body: bytes) -> Any:
    """Returns the value of a JSON document, which is one event or a part of it.

    Raises:
        AnswerError: it is too large, is not JSON, has a key twice, or is nested too deeply.
    """
    if len(body) > _LARGEST_ITEM:
        raise _too_large()
    # Brackets, quotes and backslashes are the same in UTF-8 and in Latin-1.
    _check_containers(_containers(body.decode("latin-1")), _MOST_OF_EVENT, "event")
    try:
        return strict_json.parse_json(body)
    except ValueError as error:
        raise _invalid(error) from None


def parse_list(body: bytes, name: str, most: int) -> list[Any] | None:
    """Returns the items of an array, or of the array that is the one member of an object.

    None if the document is something else.

    Args:
        body: the document.
        name: of the member.
        most: how many are of use: of more, one more is returned.

    Raises:
        AnswerError: as of `parse_json`, of which each item may be as large.
    """
    try:
        text = strict_json.decode(body)
    except ValueError as error:
        raise _invalid(error) from None
    head = _head(name).match(text)
    if head is None:
        return None
    return list(islice(_items(text, head.end(), "}" if head[1] else ""), most + 1))


@cache
def _head(name: str) -> re.Pattern[str]:
    return re.compile(rf'{_SPACE}(\{{{_SPACE}"{name}"{_SPACE}:{_SPACE})?\[{_SPACE}')


def _items(text: str, start: int, closing: str) -> Iterator[Any]:
    if text.startswith("]", start):
        _end(text, start + 1, closing)
        return
    # Only a part of the text is looked at, as one item may be all of it.
    part, offset = text[start : start + _LARGEST_ITEM], start
    containers = 0
    while True:
        try:
            value, end = strict_json.DECODER.raw_decode(part, start - offset)
            after = _AFTER_ITEM.match(part, end)
            if after is None:
                raise json.JSONDecodeError("expected a comma or the end of the array", part, end)
        except RecursionError:
            raise _invalid("nested too deeply") from None
        except ValueError as error:
            if not _is_of_end(error, part) or offset + len(part) == len(text):
                raise _invalid(f"not JSON: {_located(error, offset)}") from None
            if start == offset:
                raise _too_large() from None
            part, offset = text[start : start + _LARGEST_ITEM], start
            continue
        found = _containers(part[start - offset : end])
        _check_containers(found, _MOST_OF_EVENT, "event")
        containers += found
        _check_containers(containers, _MOST_OF_BODY, "request")
        yield value
        start = offset + after.end()
        if after[1] == "]":
            _end(text, start, closing)
            return
        if start - offset == len(part):
            start = len(text) - len(text[start:].lstrip(_WHITE))
            part, offset = text[start : start + _LARGEST_ITEM], start


def _is_of_end(error: ValueError, part: str) -> bool:
    """Reports whether an error may be of the end of a part alone."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated") or not part[error.pos : -_LONGEST_TOKEN].strip()


def _located(error: ValueError, offset: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, at character {offset + error.pos}"
    return str(error)


def _end(text: str, start: int, closing: str) -> None:
    """Checks that a document ends here."""
    if text[start:].strip(_WHITE) != closing:
        raise _invalid("expected nothing after the array")


def _invalid(hint: object) -> AnswerError:
    return AnswerError.of("body.invalid", hint=str(hint))


def _containers(text: str) -> int:
    """Returns how many lists and objects a text has, or a few more."""
    found = text.count("[") + text.count("{")
    if found > _FEW:
        text = _TEXT.sub("", text)
        found = text.count("[") + text.count("{")
    return found


def _check_containers(found: int, most: int, whose: str) -> None:
    if found > most:
        hint = f"one {whose} has at most {most:,} lists and objects"
        raise AnswerError.of("body.too_large", hint=hint)


def _too_large() -> AnswerError:
    hint = f"one event has at most {_LARGEST_ITEM:,} characters"
    return AnswerError.of("body.too_large", hint=hint)

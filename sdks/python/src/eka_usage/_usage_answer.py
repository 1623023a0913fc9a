"""What an answer of the HTTP API means for the caller: a result, an error, or another attempt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

_LIMITED = 429
_LIMITED_SECONDS = 5.0
_MOST_LIMITED = 3
_SECONDS = re.compile(r"[0-9]{1,6}")
_REFUSED = ("rejected", "quarantined")
_KINDS = {"id": str, "ids": list}
_REDIRECTED = "it redirects, and the key is for this server alone: use the address it redirects to"


class UsageError(Exception):
    """The HTTP API refuses a request for good, or its arguments are invalid.

    Attributes:
        status: of HTTP; 0 if nothing was sent or answered.
        code: of docs/errors.md, empty if there is none.
        details: what is wrong with each event: mappings with `index`, `field`, `code` and
            `message`, as far as they are known.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = list(details)

    @classmethod
    def local(cls, problems: Sequence[tuple[str, str, int | None]]) -> UsageError:
        """Returns the error of arguments that are not sent: each a name, a text and a place."""
        details = [
            {"field": field, "message": text, **({} if index is None else {"index": index})}
            for field, text, index in problems
        ]
        field, text, index = problems[0]
        place = "" if index is None else f"event {index}: "
        return cls(f"{place}invalid {field}: {text}", details=details)


class Answer(NamedTuple):
    """An answer, or why there is none.

    Attributes:
        why: why there is none; empty if there is one.
    """

    status: int = 0
    retry_after: str = ""
    body: bytes = b""
    why: str = ""

    def reason(self) -> str:
        """Returns why it is no success, for a log."""
        return self.why or f"HTTP {self.status}"


class Attempts:
    """Counts the attempts of one request, and knows when the next one is due.

    Args:
        most: how many there are, besides those that are answered 429.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed = 0
        self._limited = 0

    def pause(self, answer: Answer) -> float | None:
        """Returns how many seconds to wait before the next attempt; None if there is none."""
        if answer.status == _LIMITED:
            self._limited += 1
            given = answer.retry_after.strip()
            seconds = float(given) if _SECONDS.fullmatch(given) else _LIMITED_SECONDS
            return None if self._limited == _MOST_LIMITED else seconds
        self._limited = 0
        self._failed += 1
        return None if self._failed == self._most else 2.0 ** (self._failed - 1)


def can_pass(answer: Answer) -> bool:
    """Reports whether another attempt may succeed."""
    return bool(answer.why) or answer.status == _LIMITED or answer.status >= 500


def read(answer: Answer, expected: str = "") -> dict[str, Any]:
    """Returns the document of an answer.

    Args:
        answer: one that no other attempt may better.
        expected: what the document has, `id` or `ids`; empty for anything.

    Raises:
        UsageError: it is an error, events were left out, or it is not of the API.
    """
    status = answer.status
    try:
        found: Any = json.loads(answer.body)
    except ValueError:
        found = None
    document = cast("dict[str, Any]", found) if isinstance(found, dict) else None
    if 400 <= status < 500:
        raise _refusal(status, document or {})
    if 300 <= status < 400:
        raise UsageError(f"HTTP {status}: {_REDIRECTED}", status=status)
    if not 200 <= status < 300 or document is None:
        raise _not_of_the_api(status)
    for name in _REFUSED:
        if details := _problems(document.get(name)):
            raise UsageError(f"{len(details)} events are {name}", status=status, details=details)
    if expected and not isinstance(document.get(expected), _KINDS[expected]):
        raise _not_of_the_api(status)
    return document


def _not_of_the_api(status: int) -> UsageError:
    return UsageError(f"HTTP {status}: the answer is not the API's", status=status)


def _refusal(status: int, document: dict[str, Any]) -> UsageError:
    given: Any = document.get("error")
    error = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    details = _problems(error.get("details")) or ([error] if error else [])
    code, message = str(error.get("code", "")), str(error.get("message", ""))
    text = f"HTTP {status}{f' {code}: {message}' if code else ''}"
    return UsageError(text, status=status, code=code, details=details)


def _problems(given: Any) -> list[dict[str, Any]]:
    """Returns what is wrong with events, in whatever form it is answered."""
    is_list = isinstance(given, list)
    items: list[Any] = cast("list[Any]", given) if is_list else [given] if given else []
    return [item if isinstance(item, dict) else {"message": item} for item in items]

"""The messages that are not events, as the dead-letter topic has them."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Mapping
from typing import Any

from infra.api.answers.questions import Result
from infra.sink._generated.fields import ACCOUNT
from infra.sink.dlq import reader
from infra.sink.dlq.record import DeadLetter
from infra.sink.errors import TooLargeError

_COLUMNS = ("time", "origin", "code", "reason", ACCOUNT, "replayed", "replays", "length", "value")
_SECONDS = 20
_SHOWN = 2_000


class Rejected:
    """Lists dead letters; each list reads the whole topic."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = connection

    def list(self, workspaces: tuple[str, ...] | None, limit: int) -> Result:
        """Returns the newest.

        Args:
            workspaces: only those of these; None also for those that name none.
            limit: how many at most.

        Raises:
            SinkError: Kafka does not answer, or there are too many.
        """
        deadline = time.monotonic() + _SECONDS

        def bound() -> None:
            if time.monotonic() > deadline:
                raise TooLargeError("there are too many dead letters: use `usage-sink dlq`")

        newest: list[tuple[float, str, dict[str, Any]]] = []
        total = 0
        for letter, replayed in reader.read(self._connection, bound):
            account = _account(letter)
            if workspaces is not None and account not in workspaces:
                continue
            total += 1
            place = (letter.time.timestamp(), str(letter.origin))
            if len(newest) >= limit and place <= newest[0][:2]:
                continue
            add = heapq.heappush if len(newest) < limit else heapq.heapreplace
            add(newest, (*place, _row(letter, account, replayed)))
        rows = [row for _, _, row in sorted(newest, reverse=True, key=lambda each: each[:2])]
        return Result(rows, _COLUMNS, {"meta": {"total": total, "limit": limit}})


def _account(letter: DeadLetter) -> str | None:
    try:
        found = json.loads(letter.value or b"")
    except (ValueError, RecursionError):
        return None
    account = found.get(ACCOUNT) if isinstance(found, dict) else None
    return account if isinstance(account, str) else None


def _row(letter: DeadLetter, account: str | None, replayed: bool) -> dict[str, Any]:
    values = {
        "time": letter.time,
        "origin": str(letter.origin),
        "code": letter.code,
        "reason": letter.reason,
        ACCOUNT: account,
        "replayed": replayed,
        "replays": letter.replays,
        "length": letter.length,
        "value": (letter.value or b"").decode(errors="replace")[:_SHOWN],
    }
    return {name: values[name] for name in _COLUMNS}

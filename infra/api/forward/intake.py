"""Records what arrives by the forward protocol, and counts what cannot be recorded."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from eka_usage import EkaError, Usage

from infra.api._generated.calls import ACCOUNT, ID, MAX_EVENTS, METADATA, QUANTITY, TIME
from infra.api.errors import AnswerError, invalid_option
from infra.api.forward.message import Message
from infra.api.ingest.call import own_id, read_call, text_number
from infra.api.keys.key import Key
from infra.api.recorder import Recorder

_LOG = logging.getLogger("api")
# Names of billing-client; its other names, and those of other clients, are arguments of `record()`.
_NAMES: dict[str, Any] = {
    "unique_key": ID,
    "internal_instance_id": ACCOUNT,
    "amount_type": "event_type",
    "amount_value": QUANTITY,
    "occurred_at": TIME,
}
# What passes by itself: no room, no disk.
_PASSING = (429, 503)
_LINE_SECONDS = 1.0


class Intake:
    """Records messages as the service of one key.

    Args:
        recorder: what records them.
        key: says which service and which workspaces.
        clock: seconds that only move forward.
    """

    def __init__(
        self, recorder: Recorder, key: Key, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recorder = recorder
        self._key = key
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self._next_line: dict[str, float] = {}

    def take(self, messages: Sequence[Message]) -> list[bool]:
        """Records messages, and returns of each whether the client need not send it again.

        What is invalid is invalid at every attempt, so it is logged and acknowledged.
        """
        calls = [self._calls(message) for message in messages]
        flat = [call for each in calls for call in each]
        taken: list[bool] = []
        for start in range(0, len(flat), MAX_EVENTS):
            taken += self._record(flat[start : start + MAX_EVENTS])
        results = iter(taken)
        return [all(list(islice(results, len(each)))) for each in calls]

    def refuse(self, error: EkaError | AnswerError, what: str = "refused") -> None:
        """Counts what cannot be recorded, and logs it, of each kind at most a line a second."""
        self.counts[what] += 1
        self.counts[error.code] += 1
        now = self._clock()
        if now >= self._next_line.get(error.code, now):
            self._next_line[error.code] = now + _LINE_SECONDS
            count = self.counts[error.code]
            _LOG.warning("forward: %s: %s: %s (%d so far)", what, error.code, error, count)

    def _calls(self, message: Message) -> list[Usage]:
        found = []
        for place, record in enumerate(message.records):
            try:
                found.append(read_call(self._arguments(record, message.chunk, place), self._key))
            except (EkaError, AnswerError) as error:
                self.refuse(error)
        return found

    def _arguments(self, record: Any, chunk: str, place: int) -> dict[str, Any]:
        if not isinstance(record, dict):
            raise invalid_option("record", record, "expected an object")
        found: dict[str, Any] = {
            str(_NAMES.get(name) or name): given for name, given in record.items()
        }
        if len(found) < len(record):
            raise invalid_option("record", record, "an argument is given under two names")
        if found.get(ID):
            found[ID] = own_id(str(found[ID]))
        elif chunk and not {"id", "eventId"} & found.keys():
            found[ID] = own_id(chunk, str(place))  # the same at each attempt
        if QUANTITY in found:
            found[QUANTITY] = text_number(found[QUANTITY])
        if not found.get(METADATA):
            found.pop(METADATA, None)
        return found

    def _record(self, calls: Sequence[Usage]) -> list[bool]:
        """Records all at once, or else each by itself, so that one that is invalid stops none."""
        if not calls:
            return []
        try:
            # Many of these clients never send again, so they may use all of the disk space.
            self._recorder.record(calls, self._key.service, retries=False)
        except AnswerError as error:
            if len(calls) > 1:
                half = len(calls) // 2
                return self._record(calls[:half]) + self._record(calls[half:])
            is_passing = error.status in _PASSING
            self.refuse(error, "no room" if is_passing else "refused")
            return [not is_passing]
        self.counts["taken"] += len(calls)
        return [True] * len(calls)

"""What the view `usage` must hold, computed event by event from the rows as they arrived."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

Event = Mapping[str, Any]
Identity = tuple[str, str, str, str]
Billed = tuple[Decimal, int, Decimal | None, str]

# The unit and the timeout of the metric types that can be measured.
UNITS = {("ekascribe", "transcription_minute"): (timedelta(minutes=1), timedelta(minutes=30))}
_DIGITS = Decimal("1e-12")
_EXACT = Context(prec=76, rounding=ROUND_HALF_EVEN)


def expected_usage(arrived: Iterable[Event], now: datetime) -> dict[Identity, Billed]:
    """Returns quantity, billability, cost and state of the session by the identity of each row."""
    left = not_taken_back(arrived)
    billed: dict[Identity, Billed] = {
        key: (event["quantity"], event["is_billable"], event["cost"], "")
        for key, event in left.items()
        if not event["boundary"]
    }
    boundaries = defaultdict(list)
    for key, event in left.items():
        if event["boundary"]:
            boundaries[key[:3]].append(event)
    for metric, events in boundaries.items():
        for session in _sessions(sorted(events, key=_position)):
            start = next((e for e in session if e["boundary"] == "start"), None)
            if start is not None:
                billed[identity(start)] = _measure(UNITS.get(metric[1:]), start, session, now)
    return billed


def not_taken_back(arrived: Iterable[Event]) -> dict[Identity, Event]:
    """Returns the first copy of each event that is neither a void nor voided."""
    first: dict[Identity, Event] = {}
    for event in arrived:
        first.setdefault(identity(event), event)
    voids = {
        key: (*key[:3], event["voids"]) for key, event in first.items() if event["status"] == "void"
    }
    taken_back = set(voids.values())
    voided = {target for key, target in voids.items() if key not in taken_back}
    return {key: e for key, e in first.items() if key not in voided and key not in voids}


def identity(event: Event) -> Identity:
    """Returns what tells an event from others."""
    return (event["workspace_id"], event["product"], event["metric_type"], event["event_id"])


def _position(event: Event) -> Any:
    return (event["occurred_at"], event["ts"], event["event_id"])


def _sessions(boundaries: Sequence[Event]) -> list[list[Event]]:
    named: dict[str, list[Event]] = defaultdict(list)
    queued: list[list[Event]] = []
    waiting: deque[list[Event]] = deque()
    for event in boundaries:
        if event["session_id"]:
            named[event["session_id"]].append(event)
    nameless = [e for e in boundaries if not e["session_id"]]
    for event in sorted(nameless, key=lambda e: (e["occurred_at"], e["boundary"] == "end")):
        if event["boundary"] == "start":
            queued.append([event])
            waiting.append(queued[-1])
        elif event["boundary"] == "end" and waiting:
            waiting.popleft().append(event)
    return [*named.values(), *queued]


def _measure(
    unit: tuple[timedelta, timedelta] | None, start: Event, session: list[Event], now: datetime
) -> Billed:
    end = next((e for e in session if e["boundary"] == "end"), None)
    closing = end or start
    began, cost = start["occurred_at"], start["cost"]
    if end is not None and end["cost"] is not None:
        cost = end["cost"]
    nothing = Decimal(0), closing["is_billable"], Decimal(0)
    if unit is None:
        return (*nothing, "without_unit")
    length, timeout = unit
    if end is not None:
        if end["occurred_at"] < began:
            return (*nothing, "ends_early")
        until, state = end["occurred_at"], "ended"
    else:
        beats = [e["occurred_at"] for e in session if e["boundary"] == "beat"]
        until, state = max([began, *beats]) + timeout, "timed_out"
        if until > now:
            return (*nothing, "open")
    elapsed, whole = (
        (until - began) / timedelta(milliseconds=1),
        length / timedelta(milliseconds=1),
    )
    quantity = _EXACT.divide(Decimal(int(elapsed)), Decimal(int(whole)))
    return (_EXACT.quantize(quantity, _DIGITS), closing["is_billable"], cost, state)

"""Bounds the times of an event by when Kafka received it, since a machine's clock may be wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from infra.sink._generated.fields import (
    ACCEPTED,
    AHEAD_SECONDS,
    FIRST_YEAR,
    LAST_YEAR,
    RETENTION_SECONDS,
    TIME,
)
from infra.sink.decode import Rejection, Row

_EARLIEST, _LATEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 12, 31, tzinfo=UTC)
_CACHED = 64


def in_time(row: Row, message: Message, clock: Callable[[], float] = time.time) -> Row | Rejection:
    """Returns a row unless one of its times lies too far from when Kafka received the message.

    Ahead, a time may lie within the skew of clocks. Behind, as long as the store keeps events from
    now on, as a spool may deliver late: an older event may have been stored before and dropped
    since, and its copy would count again. Where producers stamp the messages of the topic, what
    counts is when the sink reads them.
    """
    kind, stamp = message.timestamp()
    now = clock()
    received = stamp / 1000 if kind == TIMESTAMP_LOG_APPEND_TIME else now
    first, last = _bounds(int(max(now, received)), int(received))
    if first <= row.accepted <= last and first <= row.occurred <= last:
        return row
    for name, value in ((ACCEPTED, row.accepted), (TIME, row.occurred)):
        if not first <= value <= last:
            bound = f"after {last}" if value > last else f"before {first}"
            arrival = _canonical(_moment(received))
            return Rejection("skewed", f"{name} {value} is {bound}, received at {arrival}")
    return row


@lru_cache(_CACHED)
def _bounds(now: int, received: int) -> tuple[str, str]:
    """Returns the first and the last time as rows hold them, whose texts sort as the times do."""
    behind = RETENTION_SECONDS
    kept = _EARLIEST if behind is None else _moment(now) - timedelta(seconds=behind)
    first = max(_EARLIEST, kept)
    last = min(_LATEST, _moment(received) + timedelta(seconds=AHEAD_SECONDS))
    return _canonical(first), _canonical(last)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _canonical(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"

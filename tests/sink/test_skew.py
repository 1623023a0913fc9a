"""Events whose times lie far from their arrival are dead letters: a clock was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Message

from infra.sink._generated.fields import (
    ACCEPTED,
    AHEAD_SECONDS,
    ID,
    RETENTION_SECONDS,
    TIME,
)
from infra.sink.decode import Rejection, Row, decode
from infra.sink.dlq import reader
from infra.sink.skew import in_time
from tests.broker import DevBroker
from tests.sink.harness import Sink, encoded, event, produce

_ARRIVAL = datetime(2026, 3, 10, 12, tzinfo=UTC)
_AHEAD = timedelta(seconds=AHEAD_SECONDS)
_BEHIND = timedelta(seconds=RETENTION_SECONDS or 0)
_MOMENT = timedelta(seconds=2)


def text(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class _Stamped:
    """A message with a timestamp, of which there are no others than those that are consumed."""

    def __init__(self, moment: datetime, kind: int = TIMESTAMP_LOG_APPEND_TIME) -> None:
        self._stamp = kind, round(moment.timestamp() * 1000)

    def timestamp(self) -> tuple[int, int]:
        return self._stamp


def judged(fields: dict[str, str], stamped: _Stamped, now: datetime = _ARRIVAL) -> str | None:
    """The code of the rejection of an event with these times; None if there is none."""
    row = decode(encoded(event(**{ACCEPTED: text(_ARRIVAL), TIME: text(_ARRIVAL), **fields})))
    assert isinstance(row, Row), row
    found = in_time(row, cast("Message", stamped), now.timestamp)
    return found.code if isinstance(found, Rejection) else None


@pytest.mark.parametrize("field", [ACCEPTED, TIME])
@pytest.mark.parametrize(
    ("distance", "code"),
    [
        (timedelta(0), None),
        (_AHEAD - _MOMENT, None),
        (_AHEAD + _MOMENT, "skewed"),
        (timedelta(days=365 * 150), "skewed"),  # beyond the range of Date, where days wrap
        (-timedelta(weeks=6), None),  # a spool that was offline
        (-_BEHIND + _MOMENT, None),
        (-_BEHIND - _MOMENT, "skewed"),
        (-timedelta(days=365 * 56 + 79), "skewed"),  # 1970
    ],
)
def test_a_time_is_bounded_by_the_arrival(
    field: str, distance: timedelta, code: str | None
) -> None:
    assert judged({field: text(_ARRIVAL + distance)}, _Stamped(_ARRIVAL)) == code


def test_a_letter_is_an_event_once_its_time_has_come() -> None:
    later = _ARRIVAL + 3 * _AHEAD
    times = {ACCEPTED: text(later), TIME: text(later)}
    assert judged(times, _Stamped(_ARRIVAL)) == "skewed"
    assert judged(times, _Stamped(later)) is None


def test_what_the_store_has_dropped_is_not_stored_anew_from_an_old_message() -> None:
    occurred = {TIME: text(_ARRIVAL - _BEHIND + _MOMENT)}
    assert judged(occurred, _Stamped(_ARRIVAL), now=_ARRIVAL) is None
    assert judged(occurred, _Stamped(_ARRIVAL), now=_ARRIVAL + 2 * _MOMENT) == "skewed"


def test_a_producers_stamp_is_not_believed() -> None:
    later = _ARRIVAL + 3 * _AHEAD
    stamped = _Stamped(later, TIMESTAMP_CREATE_TIME)
    assert judged({ACCEPTED: text(later)}, stamped, now=_ARRIVAL) == "skewed"
    assert judged({}, stamped, now=_ARRIVAL) is None


def test_a_sink_makes_dead_letters_of_wrong_clocks_and_stores_what_is_late(
    own_broker: DevBroker, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    times: dict[str, Any] = {
        "right": now,
        "late": now - timedelta(weeks=6),
        "next-year": now + timedelta(days=365),
        "1970": datetime(1970, 1, 1, tzinfo=UTC),
        "2200": datetime(2200, 1, 1, tzinfo=UTC),
    }
    for name, moment in times.items():
        message = encoded(event(**{ID: name, ACCEPTED: text(moment), TIME: text(moment)}))
        # The producer's clock is as wrong as the event's; the broker's is not.
        stamp = round(moment.timestamp() * 1000)
        produce(own_broker.bootstrap, [message], partition=0, timestamp=stamp)
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("dead letters 3 (skewed 3)")
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    assert sorted(sink.rows(ID)) == [("late",), ("right",)]
    letters = [each.letter for each in reader.read({"bootstrap.servers": own_broker.bootstrap})]
    assert {letter.code for letter in letters} == {"skewed"}
    assert "is before" in next(x.reason for x in letters if b'"1970"' in (x.value or b""))

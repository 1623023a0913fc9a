"""`occurred_at`: times of any offset and precision become UTC, in milliseconds."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sdks.python.tests.support import NOW, VALID, CollectingProducer, fixed_client, record_event

AHEAD = timedelta(minutes=5)
BEHIND = timedelta(days=35)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)


def text(moment: datetime) -> str:
    """Returns a time as it is written on the wire."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31t09:00:00z", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31T09:00:00.1Z", "2026-01-31T09:00:00.100Z"),
        ("2026-01-31T09:00:00.123456789Z", "2026-01-31T09:00:00.123Z"),
        ("2026-01-31T09:00:00.9999Z", "2026-01-31T09:00:00.999Z"),
        ("2026-01-31T09:00:00+05:30", "2026-01-31T03:30:00.000Z"),
        ("2026-01-30T22:00:00-11:00", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31T23:14:59+14:00", "2026-01-31T09:14:59.000Z"),
        ("2026-01-31T09:00:00-00:00", "2026-01-31T09:00:00.000Z"),
        ("2026-01-01T00:30:00+05:30", "2025-12-31T19:00:00.000Z"),
        (datetime(2026, 1, 31, 9, 0, 0, 999_999, timezone.utc), "2026-01-31T09:00:00.999Z"),
        (
            datetime(2026, 1, 31, 14, 30, tzinfo=ZoneInfo("Asia/Kolkata")),
            "2026-01-31T09:00:00.000Z",
        ),
        (
            datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=-3, minutes=-30, seconds=-1))),
            None,
        ),
    ],
    ids=str,
)
def test_a_time_is_written_in_utc_truncated_to_milliseconds(
    given: Any, written: str | None
) -> None:
    outcome = record_event(occurred_at=given)
    if written is None:
        assert outcome.error.code == "occurred_at.invalid"  # four hours ahead
    else:
        assert outcome.event["occurred_at"] == written
        assert outcome.event["ts"] == text(NOW)


@pytest.mark.parametrize("form", [text, lambda moment: moment], ids=["text", "datetime"])
@pytest.mark.parametrize(
    ("edge", "inwards"), [(AHEAD, -MILLISECOND), (-BEHIND, MILLISECOND)], ids=["ahead", "behind"]
)
def test_the_limits_hold_to_the_millisecond(edge: timedelta, inwards: timedelta, form: Any) -> None:
    for moment in (NOW + edge, NOW + edge + inwards):
        assert record_event(occurred_at=form(moment)).event["occurred_at"] == text(moment)
    outcome = record_event(occurred_at=form(NOW + edge - inwards))
    assert (outcome.error.code, outcome.error.field) == ("occurred_at.invalid", "occurred_at")


def test_the_limits_apply_to_the_truncated_time() -> None:
    assert record_event(occurred_at=NOW + AHEAD + 999 * MICROSECOND).errors == []
    assert record_event(occurred_at=NOW - BEHIND - MICROSECOND).error.code == "occurred_at.invalid"


@pytest.mark.parametrize(
    ("now", "given", "valid"),
    [
        (datetime(2028, 3, 1, tzinfo=timezone.utc), "2028-02-29T23:59:59.999Z", True),
        (datetime(2028, 2, 29, tzinfo=timezone.utc), "2028-02-29T00:00:00Z", True),
        (datetime(2027, 3, 1, tzinfo=timezone.utc), "2027-02-29T23:59:59Z", False),
        (datetime(2100, 3, 1, tzinfo=timezone.utc), "2100-02-29T00:00:00Z", False),
        (datetime(2000, 3, 1, tzinfo=timezone.utc), "2000-02-29T00:00:00Z", True),
        (datetime(2027, 1, 1, tzinfo=timezone.utc), "2026-12-31T23:59:60Z", False),
    ],
)
def test_leap_days_follow_the_calendar_and_leap_seconds_are_rejected(
    now: datetime, given: str, valid: bool
) -> None:
    collector = CollectingProducer()
    nanoseconds = int(now.timestamp()) * 10**9
    with fixed_client(
        producer=collector, clock=lambda: nanoseconds, on_error=lambda *_: None
    ) as client:
        assert (client.record(**VALID, occurred_at=given) is not None) == valid


@pytest.mark.parametrize(
    "given",
    [
        datetime(2026, 1, 31, 9, 30),  # noqa: DTZ001
        date(2026, 1, 31),
        1_769_851_800,
        1_769_851_800.0,
        b"2026-01-31T09:30:00Z",
        "",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30Z",
        "20260131T093000Z",
        "2026-1-31T09:30:00Z",
        "2026-01-31T09:30:00+0530",
        "2026-01-31T09:30:00+24:00",
        "2026-01-31T09:30:00+05:60",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:60:00Z",
        "2026-02-30T09:30:00Z",
        "2026-00-10T09:30:00Z",
        "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00,5Z",
        " 2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00Z\n",
        "٢٠٢٦-01-31T09:30:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+2026-01-31T09:30:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))),
        "x" * 1_000_000,
    ],
    ids=lambda given: str(given)[:30],
)
def test_a_value_that_is_not_a_time_with_an_offset_is_rejected(given: Any) -> None:
    assert record_event(occurred_at=given).error.code == "occurred_at.invalid"


def test_the_message_shows_a_time_out_of_range_as_it_was_passed() -> None:
    message = str(record_event(occurred_at=datetime(2020, 1, 1, tzinfo=timezone.utc)).error)
    assert message.startswith("invalid occurred_at '2020-01-01 00:00:00+00:00': expected")

"""What a time zone of the IANA database says: its offsets from UTC, and when its months begin."""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from infra.sink._generated.fields import FIRST_YEAR, LAST_YEAR

# Names in a database of zones that are no place: the machine's own zone, and none.
_NO_ZONES = {"localtime", "Factory"}
# A year more than events can have at either end.
_FIRST = datetime(FIRST_YEAR - 1, 1, 1, tzinfo=UTC)
_LAST = datetime(LAST_YEAR + 1, 12, 31, tzinfo=UTC)
# Zones have changed their offset and back within a week, but not within a day; the database lists
# such changes for this century at most, and has a rule of two changes a year for what follows.
_STEP, _STEP_BY_RULE = timedelta(days=1), timedelta(days=7)
_RULES_SINCE = datetime(2100, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_CACHED = 64


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a zone is ahead of UTC since a time; no day after it is before `first_day`.

    So days follow each other, also where clocks were set back across midnight.
    """

    since: datetime
    ahead: timedelta
    first_day: date


def names() -> set[str]:
    """Returns the names of all time zones."""
    return zoneinfo.available_timezones() - _NO_ZONES


@lru_cache(_CACHED)
def offsets(name: str) -> tuple[Offset, ...]:
    """Returns the offsets of a zone in the years that events can have, in order."""
    zone = zoneinfo.ZoneInfo(name)
    found: list[Offset] = []
    reached = _FIRST.date()
    for since, ahead in _changes(zone):
        if found:
            reached = max(reached, _local(since - _SECOND, found[-1].ahead))
        reached = max(reached, _local(since, ahead))
        found.append(Offset(since, ahead, reached))
    return tuple(found)


def months(name: str) -> Iterator[tuple[date, datetime]]:
    """Yields the first day of each month, and when it begins in a zone.

    They are those that events can be in, and the ones after.
    """
    found = offsets(name)
    first_days = [offset.first_day for offset in found]
    for year in range(FIRST_YEAR, LAST_YEAR + 2):
        for number in range(1, 13):
            month = date(year, number, 1)
            after = bisect_left(first_days, month)
            before = found[after - 1]
            starts = datetime(year, number, 1, tzinfo=UTC) - before.ahead
            yield month, min(starts, found[after].since) if after < len(found) else starts


def _changes(zone: zoneinfo.ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    time, ahead = _FIRST, _ahead(_FIRST, zone)
    yield time, ahead
    while time < _LAST:
        following = time + (_STEP if time < _RULES_SINCE else _STEP_BY_RULE)
        if (changed := _ahead(following, zone)) != ahead:
            following = _first_with_another(ahead, time, following, zone)
            changed = _ahead(following, zone)
            yield following, changed
        time, ahead = following, changed


def _first_with_another(
    ahead: timedelta, before: datetime, after: datetime, zone: zoneinfo.ZoneInfo
) -> datetime:
    """Returns the second between two times at which a zone's offset changes."""
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if _ahead(middle, zone) == ahead:
            before = middle
        else:
            after = middle
    return after


def _ahead(time: datetime, zone: zoneinfo.ZoneInfo) -> timedelta:
    return time.astimezone(zone).utcoffset() or timedelta()


def _local(time: datetime, ahead: timedelta) -> date:
    return (time + ahead).date()

"""When the days and months of workspaces begin, and in which time zone each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from infra.sink._generated.fields import TIME_ZONE

# A day of a workspace, or an instant.
Bound = date | datetime


@dataclass(frozen=True, slots=True)
class Period:
    """The time zone that a workspace has from a month on, and when that month begins."""

    workspace: str
    first_month: date
    time_zone: str
    starts_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A time in one time zone: from an instant up to, and without, another."""

    start: datetime
    end: datetime
    time_zone: str


class Calendar:
    """The days and months of workspaces, by the zones that they have of their own."""

    def __init__(self, periods: Iterable[Period]) -> None:
        """Takes the periods of each workspace in the order of their months."""
        self._own: dict[str, list[Period]] = defaultdict(list)
        for period in periods:
            self._own[period.workspace].append(period)

    def zone(self, workspace: str, day: date) -> str:
        """Returns the time zone of the month that a day is in."""
        period = self._period(workspace, day)
        return period.time_zone if period else TIME_ZONE

    def begins(self, workspace: str, bound: Bound) -> datetime:
        """Returns the instant at which a day of a workspace begins; an instant as it is.

        A workspace's first day in a new zone begins when the last one in the old zone ends.
        """
        if isinstance(bound, datetime):
            return bound.astimezone(UTC)
        period = self._period(workspace, bound)
        if period and period.first_month == bound:
            return period.starts_at
        midnight = _midnight(bound, period.time_zone if period else TIME_ZONE)
        return max(midnight, period.starts_at) if period else midnight

    def spans(self, workspaces: Sequence[str] | None, start: Bound, end: Bound) -> list[Span]:
        """Returns the spans that a time between two bounds has for workspaces, or for all."""
        whose = {*self._own, ""} if workspaces is None else set(workspaces)
        return sorted({span for each in whose for span in self._spans(each, start, end)})

    def _spans(self, workspace: str, start: Bound, end: Bound) -> Iterator[Span]:
        first, last = self.begins(workspace, start), self.begins(workspace, end)
        zone = TIME_ZONE
        for period in self._own.get(workspace, ()):
            if first < period.starts_at < last:
                yield Span(first, period.starts_at, zone)
                first = period.starts_at
            if period.starts_at < last:
                zone = period.time_zone
        yield Span(first, last, zone)

    def _period(self, workspace: str, day: date) -> Period | None:
        own = self._own.get(workspace, ())
        return next((each for each in reversed(own) if each.first_month <= day), None)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)

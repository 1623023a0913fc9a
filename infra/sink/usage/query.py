"""What is asked: whose usage, when, of what, and how it is grouped; it is validated here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, Self

from infra.sink._generated.fields import (
    ACCOUNT,
    FIELDS,
    FIRST_YEAR,
    ID,
    LAST_YEAR,
    METRIC_TYPE,
    PRODUCT,
)
from infra.sink._generated.lines import COLUMNS
from infra.sink.errors import UsageError

Window = Literal["hour", "day", "month"]
WINDOWS: tuple[Window, ...] = ("hour", "day", "month")
# A day in the zone of a workspace, or an instant.
Bound = date | datetime

METADATA = next((field.name for field in FIELDS if field.kind == "json"), "")
_PREFIX = f"{METADATA}."
# What every line is of. The id of an event, and the numbers, are in the list of events.
_OF_LINES = (ACCOUNT, PRODUCT, METRIC_TYPE)
_NO_DIMENSIONS = {*_OF_LINES, ID, *COLUMNS}
DIMENSIONS = tuple(
    field.name
    for field in FIELDS
    if field.kind in {"string", "enum", "uuid", "list"} and field.name not in _NO_DIMENSIONS
)
# Product and metric type in one, as a filter of both.
EVENT_TYPE = "event_type"
LISTS = frozenset(field.name for field in FIELDS if field.kind == "list")
# Usage in another of these is never added to that which is billed: environments.
APART = tuple(field.name for field in FIELDS if field.billed)
MOST_LINES = 1_000_000
# A period that ends now was asked for before it is answered.
_ABOUT_NOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Dimension:
    """A field of events, or a key of their metadata, which may have any name."""

    field: str
    key: str | None = None

    def __str__(self) -> str:
        return self.field if self.key is None else f"{_PREFIX}{self.key}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the dimension of a name such as `model` or `metadata.KEY`.

        Raises:
            UsageError: there is none.
        """
        if METADATA and text.startswith(_PREFIX):
            return cls(METADATA, text.removeprefix(_PREFIX))
        if text not in {*DIMENSIONS, PRODUCT, METRIC_TYPE, EVENT_TYPE}:
            names = ", ".join([*DIMENSIONS, *([f"{_PREFIX}KEY"] if METADATA else [])])
            raise UsageError(f"no dimension {text!r}: use one of {names}")
        return cls(text)


@dataclass(frozen=True, slots=True)
class Filter:
    """Events whose dimension has one of the values; empty means that they lack it."""

    dimension: Dimension
    values: tuple[str, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> tuple[Self, ...]:
        """Returns the filters of texts such as `model=gpt-x`; those of one dimension are one.

        Raises:
            UsageError: a text is not of that form, or names no dimension.
        """
        values: dict[Dimension, list[str]] = {}
        for text in texts:
            name, sign, value = text.partition("=")
            if not sign:
                raise UsageError(f"a filter must be such as model=NAME, got {text!r}")
            values.setdefault(Dimension.parse(name), []).append(value)
        return tuple(cls(dimension, tuple(found)) for dimension, found in values.items())


@dataclass(frozen=True, slots=True)
class Period:
    """From a bound up to, and without, another.

    Raises:
        UsageError: it is empty, or no event can be in it.
    """

    start: Bound
    end: Bound

    def __post_init__(self) -> None:
        for bound in (self.start, self.end):
            if isinstance(bound, datetime) and bound.tzinfo is None:
                raise UsageError(f"a time must have an offset from UTC, got {bound.isoformat()}")
            if not FIRST_YEAR <= bound.year <= LAST_YEAR + 1:
                raise UsageError(f"{bound.isoformat()} is not a time that events can have")
        if not _is_before(self.start, self.end):
            raise UsageError(
                f"the period is empty: {self.start.isoformat()} is not before "
                f"{self.end.isoformat()}"
            )

    @classmethod
    def month(cls, first: date) -> Self:
        """Returns the month that begins with a day."""
        return cls(first.replace(day=1), next_month(first))

    @property
    def is_of_months(self) -> bool:
        """Whether both bounds are the first days of months."""
        return all(
            not isinstance(bound, datetime) and bound.day == 1 for bound in (self.start, self.end)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The usage of workspaces in a period, as lines.

    A line is of one workspace, metric type, environment and billability, of one combination of
    the values that `group_by` names, and of one `window`. `workspaces` None means all of them.
    `as_of` leaves out what arrived later, also what took an event back or ended a session.
    """

    workspaces: tuple[str, ...] | None
    period: Period
    window: Window | None = None
    group_by: tuple[Dimension, ...] = ()
    where: tuple[Filter, ...] = ()
    billable: bool | None = None
    as_of: datetime | None = None
    limit: int = 10_000
    offset: int = 0

    def __post_init__(self) -> None:
        """Refuses what has no answer.

        Raises:
            UsageError: no workspace is named, or lines cannot be grouped so.
        """
        if self.workspaces is not None and not self.workspaces:
            raise UsageError("no workspace is named")
        for dimension in self.group_by:
            if dimension.field in {*_OF_LINES, EVENT_TYPE}:
                raise UsageError(f"lines are grouped by {dimension} already")
            if dimension.field in LISTS:
                raise UsageError(f"cannot group by {dimension}, as events have several: filter")
        if len(set(self.group_by)) < len(self.group_by):
            raise UsageError("a dimension to group by is named twice")
        if not 1 <= self.limit <= MOST_LINES:
            raise UsageError(f"the limit must be from 1 to {MOST_LINES:,}, got {self.limit:,}")
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise UsageError(f"a time must have an offset from UTC, got {self.as_of.isoformat()}")
        if self.as_of is not None and self.as_of > datetime.now(UTC):
            raise UsageError(f"{self.as_of.isoformat()} is not past: usage is not known as of then")
        if self.offset < 0:
            raise UsageError(f"the offset must not be negative, got {self.offset:,}")

    def cuts_days(self, now: datetime) -> bool:
        """Reports whether a line may have a part of a day; a period up to now has days."""
        start, end = self.period.start, self.period.end
        ends_early = isinstance(end, datetime) and end < now - _ABOUT_NOW
        return self.window == "hour" or isinstance(start, datetime) or ends_early


def next_month(day: date) -> date:
    """Returns the first day of the month after that of a day."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _is_before(start: Bound, end: Bound) -> bool:
    if isinstance(start, datetime) and isinstance(end, datetime):
        return start < end
    if isinstance(start, datetime) or isinstance(end, datetime):
        # A time on a day may be on either side of where the day begins, by the zone.
        return f"{start:%F}" <= f"{end:%F}"
    return start < end

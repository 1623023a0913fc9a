"""The breaks that the catalog accepts: each with a reason, and the last day that it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from codegen.changes.pair import Break, mapping, texts
from codegen.diagnostics import Diagnostic, error, quote
from codegen.source import Route, Source


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of `accepted_breaks`."""

    rule: str
    at: str
    until: str
    route: Route

    def covers(self, code: str, found: Break) -> bool:
        """Reports whether it accepts a break."""
        return (self.rule, self.at) == (code, found.at)


def accepted(catalog: Any) -> list[Accepted]:
    """Returns the accepted breaks of a catalog."""
    entries = map(mapping, texts(catalog.get("accepted_breaks")))
    return [
        Accepted(
            rule=str(entry.get("rule")),
            at=str(entry.get("at")),
            until=str(entry.get("until")),
            route=("accepted_breaks", index),
        )
        for index, entry in enumerate(entries)
    ]


def check_dates(source: Source, today: date) -> Iterator[Diagnostic]:
    """Yields an error for each entry whose last day has passed, or that is no day."""
    for one in accepted(source.data):
        yield from check_day(source, (*one.route, "until"), one.until, today, "accepted-break")


def check_day(
    source: Source, route: Route, until: str, today: date, what: str
) -> Iterator[Diagnostic]:
    """Yields an error if the last day of an exception has passed, or if it is no day."""
    where = source.file(route), source.value(route)
    try:
        expired = date.fromisoformat(until) < today
    except ValueError:
        message = f"{quote(until)} is no day of the calendar"
        yield error(*where, f"{what}-date", message)
        return
    if expired:
        message = f"this exception expired on {until}: end it, or agree on a later day"
        yield error(*where, f"{what}-expired", message)


def check_use(
    source: Source, used: Collection[Accepted], known: Collection[Accepted], since: str
) -> Iterator[Diagnostic]:
    """Yields an error for each entry that no break needs; `known` are those of the reference."""
    inherited = {(one.rule, one.at) for one in known}
    for one in accepted(source.data):
        if one not in used and (one.rule, one.at) not in inherited:
            message = (
                f"nothing that {one.rule} finds at {quote(one.at)} changed since {since}: remove it"
            )
            where = source.file(one.route), source.value(one.route)
            yield error(*where, "accepted-break-unused", message)

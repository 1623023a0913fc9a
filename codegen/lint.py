"""Conventions that a catalog switches on for itself in `lint:`, each with its reason.

A finding fails `check`, not `generate`, and `allow` suppresses it at one place until a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from codegen.changes.accepted import check_day
from codegen.diagnostics import Diagnostic, error, quote
from codegen.source import Route, Source

Data = Mapping[str, Any]

_NAMES = {
    "entity.action": re.compile(r"[a-z0-9_-]+\.[a-z0-9_-]+"),
    "snake_case": re.compile(r"[a-z0-9_]+"),
    "kebab-case": re.compile(r"[a-z0-9-]+"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not follow a convention: its name in `allow`, its place, what is wrong."""

    at: str
    route: Route
    message: str
    at_key: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A convention: the key of `lint:` that switches it on, why it exists, what violates it."""

    setting: str
    reason: str
    find: Callable[[Any, Data], Iterator[Finding]]


def _metric_types(catalog: Data) -> Iterator[tuple[str, Route, Data]]:
    for product, entry in catalog["products"].items():
        for name, metric in entry["metric_types"].items():
            if "removed" not in metric:
                yield f"{product}/{name}", ("products", product, "metric_types", name), metric


def _names(form: str, catalog: Data) -> Iterator[Finding]:
    for at, route, _ in _metric_types(catalog):
        name = str(route[-1])
        if not _NAMES[form].fullmatch(name):
            yield Finding(at, route, f"{quote(name)} is not written as {form}")


def _too_short(length: Data, catalog: Data) -> Iterator[Finding]:
    least = length.get("minimum", 0)
    for at, route, metric in _metric_types(catalog):
        found = len(metric["description"])
        if found < least:
            message = f"the description has {found} characters: expected at least {least}"
            yield Finding(at, (*route, "description"), message, at_key=False)


def _too_long(length: Data, catalog: Data) -> Iterator[Finding]:
    most = length.get("maximum")
    for at, route, metric in _metric_types(catalog):
        found = len(metric["description"])
        if most is not None and found > most:
            message = f"the description has {found} characters: expected at most {most}"
            yield Finding(at, (*route, "description"), message, at_key=False)


def _contacts(_: str, catalog: Data) -> Iterator[Finding]:
    teams = catalog.get("teams", {})
    for at, route, owner in _owners(catalog):
        if "contact" not in teams.get(owner, {}):
            message = f"owner {quote(owner)} has no `contact` in `teams`"
            yield Finding(at, route, message, at_key=False)


def _owners(catalog: Data) -> Iterator[tuple[str, Route, str]]:
    for product, entry in catalog["products"].items():
        yield product, ("products", product, "owner"), entry["owner"]
    for at, route, metric in _metric_types(catalog):
        if "owner" in metric:
            yield at, (*route, "owner"), metric["owner"]


def _seconds(_: str, catalog: Data) -> Iterator[Finding]:
    for name, unit in catalog["units"].items():
        if unit["dimension"] == "time" and "seconds" not in unit:
            message = f"unit {quote(name)} measures time, without its `seconds`"
            yield Finding(name, ("units", name), message)


RULES: Mapping[str, Rule] = {
    "name-form": Rule("names", "names of one form can be guessed and searched", _names),
    "description-too-short": Rule(
        "description_length", "finance has to understand what is charged", _too_short
    ),
    "description-too-long": Rule(
        "description_length", "an editor shows it in one glance", _too_long
    ),
    "owner-without-contact": Rule(
        "owners", "whoever doubts an invoice has to reach somebody", _contacts
    ),
    "time-unit-without-seconds": Rule(
        "time_units", "durations are converted into it, and units compared", _seconds
    ),
}


def lint(catalog: Source, today: date) -> Iterator[Diagnostic]:
    """Yields what violates the conventions of a valid catalog, and what `allow` says in vain."""
    settings = catalog.data.get("lint", {})
    allowed = settings.get("allow", ())
    used = set()
    for code, rule in RULES.items():
        if rule.setting not in settings:
            continue
        for found in rule.find(settings[rule.setting], catalog.data):
            if (code, found.at) in {(one["rule"], one["at"]) for one in allowed}:
                used.add((code, found.at))
                continue
            place = catalog.key(found.route) if found.at_key else catalog.value(found.route)
            message = f"{found.message} ({rule.reason})"
            yield error(catalog.file(found.route), place, code, message)
    for index, one in enumerate(allowed):
        route = ("lint", "allow", index)
        yield from check_day(catalog, (*route, "until"), one["until"], today, "lint-allow")
        if (one["rule"], one["at"]) not in used:
            message = f"{one['rule']} finds nothing at {quote(one['at'])}: remove it"
            yield error(catalog.file(route), catalog.value(route), "lint-allow-unused", message)

"""Judges today's catalog against a reference: breaks, accepted breaks, and the version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from codegen.changes import RULES, Break, Difference, Pair, breaks, differences
from codegen.changes.accepted import Accepted, accepted, check_dates, check_use
from codegen.changes.reference import Reference
from codegen.diagnostics import Diagnostic, error
from codegen.source import Source
from codegen.versions import parsed, raised, written

_VERSION_COST = "services cannot tell from the version whether an update is safe"


@dataclass(frozen=True, slots=True)
class Found:
    """One breaking change with its rule; `accepted` if the catalog says that it is intended."""

    rule: str
    change: Break
    accepted: Accepted | None

    @property
    def cost(self) -> str:
        """Returns what it costs, in words."""
        return RULES[self.rule].cost


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed since a reference."""

    reference: Reference
    sources: Mapping[str, Source]
    breaking: tuple[Found, ...]
    differences: tuple[Difference, ...]

    @property
    def level(self) -> str:
        """Returns `breaking`, `added`, `changed` or `none`."""
        if self.breaking:
            return "breaking"
        if any(one.kind != "changed" for one in self.differences):
            return "added"
        return "changed" if self.differences else "none"


def compare(reference: Reference, sources: Mapping[str, Source]) -> Comparison:
    """Returns what changed from a reference to valid files."""
    pair = Pair(reference.data, {name: source.data for name, source in sources.items()})
    entries = accepted(sources["catalog"].data)
    breaking = tuple(
        Found(
            code,
            found,
            None
            if RULES[code].never
            else next((e for e in entries if e.covers(code, found)), None),
        )
        for code, found in breaks(pair)
    )
    return Comparison(reference, sources, breaking, tuple(differences(pair)))


def judge(comparison: Comparison) -> Iterator[Diagnostic]:
    """Yields an error for each break that is not accepted, and for a version that is too low."""
    for found in comparison.breaking:
        if found.accepted is None:
            yield _diagnostic(comparison.sources[found.change.file], found)
    catalog = comparison.sources["catalog"]
    used = [found.accepted for found in comparison.breaking if found.accepted is not None]
    known = accepted(comparison.reference.data["catalog"])
    yield from check_use(catalog, used, known, comparison.reference.version)
    yield from _version(comparison)


def judge_dates(sources: Mapping[str, Source], today: date) -> Iterator[Diagnostic]:
    """Yields an error for each accepted break that has expired."""
    yield from check_dates(sources["catalog"], today)


def _diagnostic(source: Source, found: Found) -> Diagnostic:
    change = found.change
    place = source.key(change.route) if change.at_key else source.value(change.route)
    if RULES[found.rule].never:
        advice = "this is never accepted"
    else:
        advice = f"to accept it, add `rule: {found.rule}, at: {change.at}` to accepted_breaks"
    message = f"{change.message} ({found.cost}; {advice})"
    return error(source.file(change.route), place, found.rule, message)


def _version(comparison: Comparison) -> Iterator[Diagnostic]:
    if comparison.level == "none":
        return
    source = comparison.sources["catalog"]
    before, now = parsed(comparison.reference.version), parsed(source.data["version"])
    if before is None or now is None:
        return
    wanted = raised(before, comparison.level)
    if now < wanted:
        what = {
            "breaking": "a breaking change asks",
            "added": "an addition asks",
            "changed": "a change asks",
        }[comparison.level]
        message = (
            f"version {written(now)} is too low: since {written(before)}, {what} for "
            f"{written(wanted)} or later ({_VERSION_COST})"
        )
        route = ("version",)
        yield error(source.file(route), source.value(route), "version-not-raised", message)

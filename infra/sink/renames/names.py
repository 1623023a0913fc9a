"""Under which name a workspace is billed in a month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from infra.sink._generated.fields import FIRST_YEAR
from infra.sink.errors import SinkError

BEGINNING = date(FIRST_YEAR, 1, 1)


@dataclass(frozen=True, slots=True)
class Rename:
    """A workspace that is billed under another name from a month on.

    Attributes:
        workspace: the name that was recorded.
        since: the first day of the first month.
        renamed_to: the name on invoices; the workspace itself takes back what was before.
        reason: why, for the audit.
        by: who did it.
        at: when.
    """

    workspace: str
    since: date
    renamed_to: str
    reason: str
    by: str
    at: datetime


def in_words(since: date) -> str:
    """Says from which month on a workspace has a name."""
    return "in all months" if since <= BEGINNING else f"from {since:%Y-%m} on"


class Names:
    """The names of workspaces by month: a workspace without a rename has its own."""

    def __init__(self, renames: Iterable[Rename] = ()) -> None:
        """Takes renames in the order in which they were made; one that closes a circle is none."""
        self._next: dict[str, dict[date, str]] = {}
        for each in renames:
            before = self._next.get(each.workspace, {})
            self._next[each.workspace] = {**before, each.since: each.renamed_to}
            if self.is_circle(each.workspace):
                self._next[each.workspace] = before
        self._months = sorted({since for own in self._next.values() for since in own})
        # What an earlier rename of another workspace decides is looked up only once.
        self._changes = {name: self._resolved(name) for name in self._next}
        self._recorded: dict[str, set[str]] = defaultdict(set)
        for name, changes in self._changes.items():
            for _, billed in changes:
                self._recorded[billed].add(name)

    def billed_as(self, workspace: str, month: date) -> str:
        """Returns the name under which a workspace is billed in a month."""
        past = [name for since, name in self._changes.get(workspace, ()) if since <= month]
        return past[-1] if past else workspace

    def require_billed(self, workspaces: Iterable[str], month: date) -> None:
        """Raises a SinkError if a workspace is billed under another name in a month."""
        for name in workspaces:
            if (billed := self.billed_as(name, month)) != name:
                raise SinkError(f"{name!r} is billed as {billed!r} in {month:%Y-%m}: name that one")

    def changes(self, workspace: str) -> list[tuple[date, str]]:
        """Returns the first months of the names that a workspace has in turn."""
        return list(self._changes.get(workspace, ()))

    def recorded_as(self, *workspaces: str) -> tuple[str, ...]:
        """Returns the workspaces, and those that are ever billed under one of their names."""
        found = set(workspaces)
        for name in workspaces:
            found |= self._recorded.get(name, set())
        return tuple(sorted(found))

    def renamed(self) -> tuple[str, ...]:
        """Returns the workspaces that have another name in any month."""
        return tuple(sorted(name for name, changes in self._changes.items() if changes))

    def direct(self, workspace: str, since: date) -> str | None:
        """Returns the name that a rename from exactly this month on gives; None without one."""
        return self._next.get(workspace, {}).get(since)

    def later(self, workspace: str, since: date) -> date | None:
        """Returns the first month after another from which a workspace has been renamed."""
        return min((each for each in self._next.get(workspace, ()) if each > since), default=None)

    def is_circle(self, workspace: str) -> bool:
        """Reports whether renames lead from a workspace back to it, whatever their months."""
        seen: set[str] = set()
        found = {*self._next.get(workspace, {}).values()} - {workspace}
        while found:
            name = found.pop()
            if name == workspace:
                return True
            if name not in seen:
                seen.add(name)
                found |= {*self._next.get(name, {}).values()} - {name}
        return False

    def _resolved(self, workspace: str) -> list[tuple[date, str]]:
        changes: list[tuple[date, str]] = []
        last = workspace
        for month in self._months:
            name = workspace
            while (following := self._at(name, month)) != name:
                name = following
            if name != last:
                changes.append((month, name))
                last = name
        return changes

    def _at(self, workspace: str, month: date) -> str:
        past = [since for since in self._next.get(workspace, ()) if since <= month]
        return self._next[workspace][max(past)] if past else workspace

"""The name under which a row is billed, in SQL, for a question about some workspaces or all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from infra.sink._generated.fields import ACCOUNT
from infra.sink.renames.names import Names


@dataclass(frozen=True, slots=True)
class Billed:
    """How rows are told to be of the workspaces that are asked for.

    Where none of them is part of a rename, the SQL is that of a store without renames, as what
    replaces the name keeps the store from finding rows by it.

    Attributes:
        workspaces: those that are asked for, by the names on invoices; None for all.
        recorded: the names that their rows have; None for all.
        steps: the names that change, from the first month of a change on, the last one first.
    """

    workspaces: tuple[str, ...] | None = None
    recorded: tuple[str, ...] | None = None
    steps: tuple[tuple[date, Mapping[str, str]], ...] = field(default=())

    @classmethod
    def of(cls, names: Names, workspaces: Iterable[str] | None) -> Billed:
        """Returns how rows are told to be of workspaces, or of all."""
        asked = None if workspaces is None else tuple(workspaces)
        recorded = None if asked is None else names.recorded_as(*asked)
        steps: dict[date, dict[str, str]] = defaultdict(dict)
        for name in names.renamed() if recorded is None else recorded:
            for month, billed in names.changes(name):
                steps[month][name] = billed
        return cls(asked, recorded, tuple(sorted(steps.items(), reverse=True)))

    @classmethod
    def as_recorded(cls, workspaces: tuple[str, ...] | None) -> Billed:
        """Returns how rows are of workspaces of which none has another name."""
        return cls(workspaces, workspaces)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the SQL, whose names no other part of a statement has."""
        values: dict[str, Any] = {}
        if self.recorded is not None:
            values["recorded"] = list(self.recorded)
        if self.steps and self.workspaces is not None:
            values["billed"] = list(self.workspaces)
        for number, (month, renamed) in enumerate(self.steps):
            values[f"renamed_since_{number}"] = month
            values[f"renamed_{number}"] = list(renamed)
            values[f"renamed_to_{number}"] = list(renamed.values())
        return values

    def account(self, month: str = "month") -> str:
        """Returns the expression for the name that a row is billed under, by that for its month.

        Of a row that has the name already it is the same name.
        """
        if not self.steps:
            return ACCOUNT
        parts = []
        for number in range(len(self.steps)):
            names = f"{{renamed_{number}:Array(String)}}"
            billed = f"transform({ACCOUNT}, {names}, {{renamed_to_{number}:Array(String)}}, '')"
            since = f"{month} >= {{renamed_since_{number}:Date32}}"
            parts.append(f"{since} AND {ACCOUNT} IN {names}, {billed}")
        return f"multiIf({', '.join(parts)}, {ACCOUNT})"

    def are_recorded(self) -> list[str]:
        """Returns the conditions for rows with a name that may be billed as one of those asked."""
        return [] if self.recorded is None else [f"{ACCOUNT} IN {{recorded:Array(String)}}"]

    def conditions(self, month: str = "month") -> list[str]:
        """Returns the conditions for the rows that are billed under the names that are asked."""
        if self.workspaces is None or not self.steps:
            return self.are_recorded()
        return [*self.are_recorded(), f"{self.account(month)} IN {{billed:Array(String)}}"]

    def source(self, view: str, where: Iterable[str] = ()) -> str:
        """Returns a view, or its rows under the names on invoices, where conditions hold."""
        conditions = " AND ".join(where)
        if not self.steps:
            return f"(SELECT * FROM {view} WHERE {conditions})" if conditions else view
        renamed = f"SELECT * REPLACE ({self.account()} AS {ACCOUNT}) FROM {view}"
        return f"({renamed} WHERE {conditions})" if conditions else f"({renamed})"

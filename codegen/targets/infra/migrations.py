"""The numbered migrations of a table: existing ones are history, a difference becomes the next.

Each ends with a line that lists the columns of the table after it, from which the next one starts.
A check is added or replaced with the column's limits. A revision changes the table in another way
than by a column; a new table has all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codegen import render
from codegen.diagnostics import quote
from codegen.render import NOTICE, File
from codegen.targets.infra.checks import Check

_FOLDER = "infra/clickhouse"
_LONGEST_NAME = 60
_STATE = "-- after this: "
# The revision that changes the table's key.
_REBUILT = "key_is_the_identity"
_PATH = re.compile(rf"{_FOLDER}/([0-9]{{4}})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Columns:
    """The table as event.yaml defines it; `later` are the fields that older events lack.

    `former_key` is the key until the revision that rebuilds the table.
    """

    table: str
    time: str
    key: tuple[str, ...]
    former_key: tuple[str, ...]
    types: Mapping[str, str]
    later: frozenset[str]
    create: Callable[[Mapping[str, str]], str]
    checks: Mapping[str, Check]
    revisions: Mapping[str, str]

    def state(self, revisions: Iterable[str], checks: Mapping[str, str]) -> dict[str, Any]:
        revised = list(revisions)
        columns = {
            "table": self.table,
            "time": self.time,
            "key": list(self.key_after(revised)),
            "columns": dict(self.types),
        }
        return {**columns, "checks": dict(checks), "revisions": revised}

    def key_after(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Returns the key of a table that has these revisions."""
        return self.key if _REBUILT in revisions else self.former_key

    @property
    def digests(self) -> dict[str, str]:
        """The checks as a migration remembers them."""
        return {name: check.digest for name, check in self.checks.items()}


def extend(existing: Mapping[str, str], target: Columns) -> Iterator[File]:
    """Yields the migration from the existing ones to the target, if they differ."""
    if not existing:
        state = target.state(target.revisions, target.digests)
        body = target.create(target.types)
        if target.checks:
            body += f"\n\n{_check(target, target.checks)}"
        yield _file(1, target.table.partition(".")[2], body, state)
        return
    number, last = _last(existing)
    path, state = last[-1], _merged([_state(path, existing[path]) for path in last])
    _reject_incompatible(path, state, target)
    revised = list(state.get("revisions", ()))
    checked: dict[str, str] = dict(state.get("checks", {}))
    added = [name for name in target.types if name not in state["columns"]]
    changed = [name for name, check in target.digests.items() if checked.get(name) != check]
    missing = [name for name in target.revisions if name not in revised]
    if added:
        number += 1
        name = f"add_{'_'.join(added)}"[:_LONGEST_NAME].rstrip("_")
        body = _add(target, added)
        if changed and not missing:
            body += f"\n\n{_check(target, changed)}"
            checked, changed = target.digests, []
        yield _file(number, name, body, target.state(revised, checked))
    for name in missing:
        number += 1
        revised.append(name)
        yield _file(number, name, target.revisions[name], target.state(revised, checked))
    if changed:  # after a revision that makes the table anew
        body = _check(target, changed)
        yield _file(number + 1, "check_columns", body, target.state(revised, target.digests))


def _last(existing: Iterable[str]) -> tuple[int, list[str]]:
    """Returns the last number and its migrations: several, if branches that were merged added one.

    Each of them may have been applied somewhere, so all of them stay.
    """
    number = 0
    last: list[str] = []
    for path in existing:
        match = _PATH.fullmatch(path)
        if match is None or int(match[1]) not in (number or 1, number + 1):
            raise ValueError(
                f"{path}: expected migration {number + 1:04} here; restore a missing one from"
                " version control"
            )
        last = [*last, path] if int(match[1]) == number else [path]
        number = int(match[1])
    return number, last


def _merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the table after migrations that started from the same one."""
    merged = dict(states[-1])
    for key in ("columns", "checks"):
        entries = [state[key] for state in states if key in state]
        if entries:
            merged[key] = {name: value for each in entries for name, value in each.items()}
    revisions = [revision for state in states for revision in state.get("revisions", ())]
    return {**merged, "revisions": list(dict.fromkeys(revisions))}


def _file(number: int, name: str, body: str, state: Mapping[str, Any]) -> File:
    line = f"{_STATE}{json.dumps(state)}"
    return File(f"{_FOLDER}/{number:04}_{name}.sql", f"-- {NOTICE}\n{body}\n{line}\n")


def _add(target: Columns, names: Iterable[str]) -> str:
    return render.render(
        "infra/clickhouse/alter.sql.j2",
        table=target.table,
        columns=[(name, target.types[name], _after(name, target)) for name in names],
    )


def _check(target: Columns, names: Iterable[str]) -> str:
    return render.render(
        "infra/clickhouse/checks.sql.j2",
        table=target.table,
        columns=[(name, target.types[name], target.checks[name]) for name in names],
    )


def _after(name: str, target: Columns) -> str:
    names = list(target.types)
    index = names.index(name)
    return f"AFTER {names[index - 1]}" if index else "FIRST"


def _state(path: str, text: str) -> dict[str, Any]:
    line = text.rstrip("\n").rpartition("\n")[2]
    if not line.startswith(_STATE):
        raise ValueError(f"{path}: its last line is missing; restore it from version control")
    state: dict[str, Any] = json.loads(line.removeprefix(_STATE))
    return state


def _reject_incompatible(path: str, state: Mapping[str, Any], target: Columns) -> None:
    table = (state["table"], state.get("time", target.time), tuple(state["key"]))
    key = target.key_after(state.get("revisions", ()))
    if table != (target.table, target.time, key):
        raise ValueError(
            f"{path}: the name and the key of a table cannot change; revert `table` in event.yaml"
        )
    for name, column in state["columns"].items():
        if name not in target.types:
            raise ValueError(
                f"{path}: column {quote(name)} holds billed usage, and event.yaml no longer has the"
                " field; restore it"
            )
        if target.types[name] != column:
            raise ValueError(
                f"{path}: column {quote(name)} is {column}, in event.yaml it is"
                f" {target.types[name]}; restore its type, or add a field of another name"
            )
    for name in target.types:
        if name not in state["columns"] and name not in target.later:
            raise ValueError(
                f"{path}: field {quote(name)} is new, and stored events lack it; set `since:` in"
                " event.yaml to the version that adds it"
            )

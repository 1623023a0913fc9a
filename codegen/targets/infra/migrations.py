"""The numbered migrations of a table: what stands is history, what differs becomes the next one.

Each ends with a line that says which columns the table has after it, for the next to start from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codegen import render
from codegen.diagnostics import quote
from codegen.render import NOTICE, File

_FOLDER = "infra/clickhouse"
_STATE = "-- after this: "
_PATH = re.compile(rf"{_FOLDER}/([0-9]{{4}})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Columns:
    """The table as event.yaml has it; `later` are the fields that older events lack."""

    table: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    later: frozenset[str]
    create: Callable[[Mapping[str, str]], str]

    @property
    def state(self) -> dict[str, Any]:
        return {"table": self.table, "key": list(self.key), "columns": dict(self.types)}


def extend(written: Mapping[str, str], wanted: Columns) -> Iterator[File]:
    """The migration that leads from what is written to what is wanted, if they differ."""
    if not written:
        yield _file(1, wanted.table.partition(".")[2], wanted.create(wanted.types), wanted)
        return
    for expected, path in enumerate(written, 1):
        match = _PATH.fullmatch(path)
        if match is None or int(match[1]) != expected:
            raise ValueError(
                f"{path}: migration {expected:04} was expected here; bring back what is missing"
                " from version control, or give your own the next number by another `generate`"
            )
    path, text = list(written.items())[-1]
    state = _state(path, text)
    _refuse(path, state, wanted)
    added = [name for name in wanted.types if name not in state["columns"]]
    if added:
        body = render.render(
            "infra/clickhouse/alter.sql.j2",
            table=wanted.table,
            columns=[(name, wanted.types[name], _after(name, wanted)) for name in added],
        )
        yield _file(len(written) + 1, f"add_{'_'.join(added)}"[:60].rstrip("_"), body, wanted)


def _file(number: int, name: str, body: str, after: Columns) -> File:
    state = json.dumps(after.state)
    return File(f"{_FOLDER}/{number:04}_{name}.sql", f"-- {NOTICE}\n{body}\n{_STATE}{state}\n")


def _after(name: str, wanted: Columns) -> str:
    names = list(wanted.types)
    index = names.index(name)
    return f"AFTER {names[index - 1]}" if index else "FIRST"


def _state(path: str, text: str) -> dict[str, Any]:
    line = text.rstrip("\n").rpartition("\n")[2]
    if not line.startswith(_STATE):
        raise ValueError(f"{path}: its last line is gone; restore it from version control")
    state: dict[str, Any] = json.loads(line.removeprefix(_STATE))
    return state


def _refuse(path: str, state: Mapping[str, Any], wanted: Columns) -> None:
    if (state["table"], tuple(state["key"])) != (wanted.table, wanted.key):
        raise ValueError(
            f"{path}: a table cannot get another name or key; take back `table` in event.yaml"
        )
    for name, column in state["columns"].items():
        if name not in wanted.types:
            raise ValueError(
                f"{path}: column {quote(name)} holds what was billed, and event.yaml no longer"
                " has the field; put it back"
            )
        if wanted.types[name] != column:
            raise ValueError(
                f"{path}: column {quote(name)} is {column} and event.yaml says"
                f" {wanted.types[name]}; put that back, or add a field of another name"
            )
    for name in wanted.types:
        if name not in state["columns"] and name not in wanted.later:
            raise ValueError(
                f"{path}: field {quote(name)} is new, and stored events lack it; say in event.yaml"
                " `since:` which version brings it"
            )

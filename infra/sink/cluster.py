"""The statements that make the store of a cluster, from those of the store of one server.

What is of a workspace is on one shard, chosen by the workspace, so that a shard alone can tell the
copies of an event, what takes it back, and where its session ends. Such tables, and the views that
read them, are in a database of each shard; under their names, the database of the store has tables
and views of what all shards have together. All else is the same on every server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import (
    ACCOUNT,
    ARRIVALS,
    CLOSE_EVENTS,
    CLOSE_LINES,
    CLOSES,
    DATABASE,
    IDENTITIES,
    RECEIPTS,
    ROLLUP,
    ROLLUP_STEP,
    TABLE,
)
from infra.sink.errors import SinkError, UsageError
from infra.sink.scripts import Script

SHARD = f"{DATABASE}_shard"
# The tables that have rows of workspaces. What is not here is the same on every server.
SHARDED = frozenset(
    (TABLE, RECEIPTS, IDENTITIES, ARRIVALS, ROLLUP, ROLLUP_STEP, CLOSE_LINES, CLOSE_EVENTS)
)
# Receipts have no workspace; the shard of an event writes them, and nothing else does.
_UNKEYED = frozenset((RECEIPTS,))
# Only a close relies on the store to drop an insert that it already has, however late; of other
# equal inserts, as of the days that a refresh touches, each counts.
_WINDOW = "replicated_deduplication_window"
_DEDUPLICATED = f"{_WINDOW} = 10000, {_WINDOW}_seconds = 3155760000"
_NOT_DEDUPLICATED = f"{_WINDOW} = 0"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OBJECT = re.compile(rf"\b{DATABASE}\.(\w+)")
_ENGINE = re.compile(r"^ENGINE = (\w*MergeTree)(?:\((.*)\))?$", re.MULTILINE)
_SETTINGS = re.compile(r"^SETTINGS ", re.MULTILINE)
_VIEW = re.compile(rf"CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?{DATABASE}\.(\w+) AS\b")
_REPLACED = re.compile(rf"CREATE OR REPLACE TABLE {DATABASE}\.(\w+)")
_PARAMETER = re.compile(r"\{(\w+):([^{}]+)\}")
_DISTRIBUTED = re.compile(r"Distributed\('([^']+)'")
# The statements of scripts that can be repeated, and run on each shard for itself.
_ALTER = re.compile(rf"ALTER TABLE {DATABASE}\.(\w+)\s+(.*)", re.DOTALL)
_ACTION = re.compile(
    r"(ADD (COLUMN|INDEX) IF NOT EXISTS|ADD CONSTRAINT|MODIFY (COLUMN|QUERY|SETTING|TTL)"
    r"|DROP (COLUMN|INDEX|CONSTRAINT) IF EXISTS)\b"
)
_CHANGED = re.compile(rf"(ALTER TABLE |DELETE FROM ){DATABASE}\.(\w+)")
_QUERY = re.compile(r"\AALTER TABLE \S+( ON CLUSTER \S+)?\s+MODIFY QUERY\b")
_ANY_ACTION = re.compile(
    r"^\s*(?:ADD|DROP|MODIFY|MATERIALIZE|RENAME|CLEAR|UPDATE|DELETE)\b.*", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Schema:
    """What all scripts leave in the store of one server: a statement for each name.

    Attributes:
        tables: those that hold rows, but for those that a script makes anew with their rows.
        writers: the materialized views that fill tables from others.
        views: in the order in which they are created.
    """

    tables: Mapping[str, str]
    writers: Mapping[str, str]
    views: Mapping[str, str]


def read_schema(client: Client, scripts: Iterable[Script]) -> Schema:
    """Returns the schema of a store that all these scripts were applied to.

    The engine says what a chain of migrations made of a table. Views are as the scripts have them.
    """
    rows = client.query(
        "SELECT name, engine, formatQuery(create_table_query) FROM system.tables"
        f" WHERE database = '{DATABASE}' ORDER BY name"
    ).result_rows
    engines = {str(name): str(engine) for name, engine, _ in rows}
    made = {str(name): str(statement) for name, _, statement in rows}
    views: dict[str, str] = {}
    replaced: set[str] = set()
    for script in scripts:
        for statement in script.statements():
            replaced.update(_REPLACED.findall(statement))
            found = _VIEW.match(statement)
            if found and engines.get(found[1]) == "View":
                views.pop(found[1], None)
                views[found[1]] = (
                    f"CREATE OR REPLACE VIEW {DATABASE}.{found[1]} AS" + statement[found.end() :]
                )
    return Schema(
        {
            name: text
            for name, text in made.items()
            if engines[name].endswith("MergeTree") and name not in replaced
        },
        {name: text for name, text in made.items() if engines[name] == "MaterializedView"},
        views,
    )


class Cluster:
    """A cluster, as `remote_servers` of its servers names it, and what is sharded on it.

    Args:
        name: of the cluster.
        schema: of the store of one server.

    Raises:
        UsageError: no cluster can have this name.
    """

    def __init__(self, name: str, schema: Schema) -> None:
        self._schema = schema
        self._on = f"ON CLUSTER '{check_name(name)}'"
        self.name = name
        self._sharded: set[str] = {name for name in SHARDED if name in schema.tables}
        for view, text in (*schema.writers.items(), *schema.views.items()):
            if self._is_sharded(text):
                self._sharded.add(view)

    @property
    def sharded(self) -> frozenset[str]:
        """The names of what each shard has for itself."""
        return frozenset(self._sharded)

    def plan(self, pending: Iterable[Script], *, is_new: bool) -> list[str]:
        """Returns the statements that bring the store up to date, in order.

        All but those of the scripts can be repeated at any time.

        Args:
            pending: the scripts that the store lacks.
            is_new: whether it lacks all; then numbered migrations have nothing to change.

        Raises:
            SinkError: a script does what a cluster cannot do with one statement.
        """
        scripts = [script for script in pending if not (is_new and script.once)]
        changes = [change for script in scripts for change in self._changes(script)]
        return [
            *(f"CREATE DATABASE IF NOT EXISTS {name} {self._on}" for name in (DATABASE, SHARD)),
            *(self._table(name, text) for name, text in self._schema.tables.items()),
            *(change for change in changes if not _QUERY.search(change)),
            *(self._writer(name, text) for name, text in self._schema.writers.items()),
            *(change for change in changes if _QUERY.search(change)),
            *(self._of_all(name) for name in self._schema.tables if name in self._sharded),
            *(each for name, text in self._schema.views.items() for each in self._view(name, text)),
        ]

    def _localized(self, statement: str) -> str:
        return localized(statement, self._sharded)

    def _table(self, name: str, text: str) -> str:
        where, replica = f"/clickhouse/tables/{DATABASE}/{name}", "{shard}-{replica}"
        if name in self._sharded:
            where, replica = f"/clickhouse/tables/{{shard}}/{SHARD}/{name}", "{replica}"

        def engine(found: re.Match[str]) -> str:
            arguments = ", ".join(filter(None, (f"'{where}', '{replica}'", found[2])))
            return f"ENGINE = Replicated{found[1]}({arguments})"

        text = _ENGINE.sub(engine, text, count=1)
        window = _DEDUPLICATED if name == CLOSES else _NOT_DEDUPLICATED
        text = _SETTINGS.sub(f"SETTINGS {window}, ", text, count=1)
        made = f"CREATE TABLE {DATABASE}.{name}"
        everywhere = f"CREATE TABLE IF NOT EXISTS {DATABASE}.{name} {self._on}"
        return self._localized(text.replace(made, everywhere, 1))

    def _writer(self, name: str, text: str) -> str:
        made = f"CREATE MATERIALIZED VIEW {DATABASE}.{name}"
        everywhere = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {DATABASE}.{name} {self._on}"
        return self._localized(text.replace(made, everywhere, 1))

    def _view(self, name: str, text: str) -> Iterator[str]:
        made = text.replace(" AS", f" {self._on} AS", 1)
        if name not in self._sharded:
            yield made
            return
        yield self._localized(made)
        parameters = dict(_PARAMETER.findall(text))
        yield self._with_parameters(name, parameters) if parameters else self._of_all(name)

    def _of_all(self, name: str) -> str:
        key = "" if name in _UNKEYED else f", sipHash64({ACCOUNT})"
        return (
            f"CREATE OR REPLACE TABLE {DATABASE}.{name} {self._on} AS {SHARD}.{name}\n"
            f"ENGINE = Distributed('{self.name}', '{SHARD}', '{name}'{key})"
        )

    def _with_parameters(self, name: str, parameters: Mapping[str, str]) -> str:
        values = ", ".join(f"{key}={{{key}:{kind}}}" for key, kind in parameters.items())
        return (
            f"CREATE OR REPLACE VIEW {DATABASE}.{name} {self._on} AS\n"
            f"SELECT * FROM cluster('{self.name}', view(SELECT * FROM {SHARD}.{name}({values})))"
        )

    def _changes(self, script: Script) -> Iterator[str]:
        """Yields what a script does beside creating what the schema has."""
        for statement in script.statements():
            altered = _ALTER.match(statement)
            if _REPLACED.match(statement):
                yield _OBJECT.sub(rf"\g<0> {self._on}", statement, count=1)
            elif altered and _is_repeatable(altered[2]):
                on = f" {self._on}" if altered[1] in self._sharded else ""
                table = self._localized(f"{DATABASE}.{altered[1]}")
                yield f"ALTER TABLE {table}{on}\n    {self._localized(altered[2])}"
            elif statement.startswith("INSERT INTO ") and not self._is_sharded(statement):
                yield statement
            elif not statement.startswith("CREATE "):
                raise SinkError(
                    f"{script.name} has a statement that cannot run on a cluster, which is to be "
                    f"changed as docs/cluster.md says: {statement.partition(chr(10))[0]}"
                )

    def _is_sharded(self, text: str) -> bool:
        return not self._sharded.isdisjoint(_OBJECT.findall(text))


def check_name(name: str) -> str:
    """Returns the name of a cluster, which stands in literals.

    Raises:
        UsageError: no cluster can have this name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"no cluster can be named {name!r}: pass the name under `remote_servers`, of letters, "
            "digits, '_', '-' and '.'"
        )
    return name


def localized(statement: str, sharded: Iterable[str] = SHARDED) -> str:
    """Returns a statement that reads and writes what the shard has itself."""
    names = frozenset(sharded)
    return _OBJECT.sub(
        lambda found: f"{SHARD}.{found[1]}" if found[1] in names else found[0], statement
    )


def change(
    client: Client,
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Executes an ALTER or DELETE of rows of a table, on a cluster on each of its shards.

    There, what the conditions read must be of the same workspace.

    Raises:
        ClickHouseError: the store rejects it.
    """
    name = of_store(client)
    if name is not None:
        statement = on_shards(statement, name)
    client.command(statement, dict(parameters or {}), settings=dict(settings or {}))


def on_shards(statement: str, name: str) -> str:
    """Returns the statement for the shards of a cluster, from an ALTER or DELETE for one server.

    What is the same on every server is changed on any.
    """
    found = _CHANGED.match(statement)
    if not found or found[2] not in SHARDED:
        return statement
    return f"{found[1]}{SHARD}.{found[2]} ON CLUSTER '{name}'{localized(statement[found.end() :])}"


def of_store(client: Client) -> str | None:
    """Returns the name of the cluster that a store is of; None if it is of one server.

    Raises:
        ClickHouseError: the store rejects the query.
    """
    rows = client.query(
        "SELECT engine_full FROM system.tables"
        f" WHERE database = '{DATABASE}' AND name = '{TABLE}' AND engine = 'Distributed'"
    ).result_rows
    found = _DISTRIBUTED.match(str(rows[0][0])) if rows else None
    return found[1] if found else None


def _is_repeatable(actions: str) -> bool:
    """Reports whether all actions of an ALTER change the table only, and may be repeated."""
    if actions.startswith("MODIFY QUERY"):
        return True
    begins = [line.strip() for line in _ANY_ACTION.findall(actions)]
    return bool(begins) and all(_ACTION.match(action) for action in begins)

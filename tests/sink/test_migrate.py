"""Migrations are applied once and in order, and keep what is stored."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from codegen.load import load
from infra.sink import cluster
from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, FIELDS, RECEIPTS, TABLE
from infra.sink.errors import SinkError
from infra.sink.migrate import migrate, migrate_cluster
from infra.sink.scripts import FOLDER
from tests.codegen.tools import REPOSITORY, codegen
from tests.sink.events import NOON, insert


def columns(store: Client) -> list[str]:
    rows = store.query(f"DESCRIBE TABLE {DATABASE}.{TABLE}").result_rows
    return [name for name, *_ in rows]


def generated(schema: Path, root: Path, old: str = "", new: str = "") -> str:
    """Generates migrations for a changed event.yaml beside the existing ones; returns stderr."""
    if not schema.exists():
        shutil.copytree(REPOSITORY / "schema", schema)
        shutil.copytree(FOLDER, root / "infra/clickhouse")
    event = schema / "event.yaml"
    text = event.read_text(encoding="utf-8")
    assert old in text
    if new:
        event.write_text(text.replace(old, new, 1), encoding="utf-8")
    return codegen("generate", "--schema", schema, "--root", root, "--target", "infra").stderr


NEW_FIELD = """fields:
  region:
    type: string
    set_by: sdk
    since: 9.0.0
    column: LowCardinality(String)
    description: Where it ran.
"""


def test_a_second_run_changes_nothing(store: Client) -> None:
    assert migrate(store) == []


def test_the_table_has_the_fields_of_an_event_in_their_order(store: Client) -> None:
    names = [field.name for field in FIELDS]
    assert columns(store)[: len(names)] == names


def test_a_migration_changed_after_it_was_applied_is_rejected(
    store: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(FOLDER, folder)
    first = min(folder.glob("*.sql"))
    first.write_text(first.read_text("utf-8") + "-- more\n", "utf-8")
    with pytest.raises(SinkError, match=rf"{first.name} .*restore"):
        migrate(store, folder)


def test_a_store_migrated_by_a_newer_version_is_left_unchanged(
    store: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "newer"
    shutil.copytree(FOLDER, folder)
    (folder / "9999_of_tomorrow.sql").write_text("SELECT 1;\n", "utf-8")
    assert [script.name for script in migrate(store, folder)] == ["9999_of_tomorrow.sql"]
    with pytest.raises(SinkError, match=r"9999_of_tomorrow\.sql.*update"):
        migrate(store)


def test_a_failed_migration_is_not_recorded_as_applied(store: Client, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(FOLDER, folder)
    broken = folder / "9999_broken.sql"
    broken.write_text("SELECT no_such_column;\n", "utf-8")
    with pytest.raises(SinkError, match=r"9999_broken\.sql failed.*no_such_column"):
        migrate(store, folder)
    broken.write_text("SELECT 1;\n", "utf-8")
    assert [script.name for script in migrate(store, folder)] == [broken.name]


def test_a_table_with_days_in_its_key_is_rebuilt_and_the_first_event_still_counts(
    empty_store: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "former"
    shutil.copytree(FOLDER, folder)
    rebuilding = [path for path in folder.glob("*.sql") if path.name > "0006"]
    for path in [*rebuilding, *folder.glob("current/*.sql")]:
        path.unlink()
    migrate(empty_store, folder)
    first, second = {"event_id": "7", "ingested_at": NOON}, {"event_id": "8", "ingested_at": NOON}
    later = {"occurred_at": NOON + timedelta(days=40), "quantity": Decimal(9)}
    insert(empty_store, [first, {**first, **later}, {**second, **later}, second])
    migrate(empty_store)
    query = f"SELECT event_id, quantity FROM {DATABASE}.{TABLE} FINAL ORDER BY 1"
    assert empty_store.query(query).result_rows == [("7", 1), ("8", 9)]
    insert(empty_store, [first])
    receipts = f"SELECT countIf(_identity = 0), countIf(_identity > 0) FROM {DATABASE}.{RECEIPTS}"
    assert empty_store.query(receipts).result_rows == [(4, 1)]


def test_a_rebuild_that_a_crash_left_unrecorded_is_not_repeated(store: Client) -> None:
    history = f"{DATABASE}.schema_migrations"
    store.command(
        f"DELETE FROM {history} WHERE name LIKE '%key_is_the_identity%'"
        " SETTINGS lightweight_deletes_sync = 2"
    )
    tables = f"SELECT name, uuid FROM system.tables WHERE database = '{DATABASE}' ORDER BY name"
    before = store.query(tables).result_rows
    assert [script.name for script in migrate(store)] == ["0006_key_is_the_identity.sql"]
    assert store.query(tables).result_rows == before


def test_a_new_field_becomes_a_migration_that_keeps_stored_events(
    store: Client, tmp_path: Path
) -> None:
    insert(store, [{}])
    schema, root = tmp_path / "schema", tmp_path / "root"
    assert generated(schema, root, "fields:\n", NEW_FIELD) == ""
    assert generated(schema, root) == ""
    made = sorted(path.name for path in (root / "infra/clickhouse").glob("*.sql"))
    history = sorted(path.name for path in FOLDER.glob("*.sql"))
    added = f"{len(history) + 1:04}_add_region.sql"
    assert made == [*history, added]
    applied = migrate(store, root / "infra/clickhouse")
    views = [f"current/{name}.sql" for name in ("received", "sessions", "views", "views_as_of")]
    assert [script.name for script in applied] == [added, *views]
    assert columns(store)[:2] == ["region", FIELDS[0].name]
    assert store.query(f"SELECT region FROM {DATABASE}.usage").result_rows == [("",)]


def test_a_changed_catalog_is_applied_without_a_migration(store: Client, tmp_path: Path) -> None:
    schema, root = tmp_path / "schema", tmp_path / "root"
    generated(schema, root)
    catalog = schema / "catalog.yaml"
    catalog.write_text(catalog.read_text("utf-8").replace("title: API calls", "title: Calls"))
    assert generated(schema, root) == ""
    applied = migrate(store, root / "infra/clickhouse")
    assert [script.name for script in applied] == ["current/catalog.sql"]
    titles = store.query(f"SELECT title FROM {DATABASE}.catalog_metrics").result_rows
    assert ("Calls",) in titles


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fields:\n", NEW_FIELD.replace("    since: 9.0.0\n", ""), "'region' is new.*`since:`"),
        ("column: UInt64", "column: UInt32", "'seq' is UInt64.*UInt32; restore its type"),
        ("  hostname:\n", "  host:\n", "'hostname' holds billed usage.*restore it"),
        ("  name: usage_events", "  name: events", "the name and the key of a table cannot change"),
        ("  time: occurred_at", "  time: ts", "the name and the key of a table cannot change"),
    ],
)
def test_a_change_that_invalidates_stored_events_is_rejected(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    schema, root = tmp_path / "schema", tmp_path / "root"
    generated(schema, root)
    before = {path.name for path in (root / "infra/clickhouse").iterdir()}
    errors = generated(schema, root, old, new)
    assert "nothing written" in errors
    assert any(re.search(message, line) for line in errors.splitlines()), errors
    assert {path.name for path in (root / "infra/clickhouse").iterdir()} == before


def test_check_reports_the_missing_migration_of_a_new_field(tmp_path: Path) -> None:
    schema, root = tmp_path / "schema", tmp_path / "root"
    generated(schema, root)
    event = schema / "event.yaml"
    event.write_text(event.read_text("utf-8").replace("fields:\n", NEW_FIELD, 1), "utf-8")
    result = codegen("check", "--schema", schema, "--root", root, "--target", "infra")
    assert result.returncode == 1
    added = f"{len(list(FOLDER.glob('*.sql'))) + 1:04}_add_region.sql"
    assert f"{added}:1:1: error[missing]" in result.stderr


@pytest.mark.parametrize("harm", ["edit", "remove"])
def test_an_existing_migration_may_not_be_edited_or_removed(harm: str, tmp_path: Path) -> None:
    schema, root = tmp_path / "schema", tmp_path / "root"
    generated(schema, root)
    first = min((root / "infra/clickhouse").glob("*.sql"))
    if harm == "edit":
        first.write_text(first.read_text("utf-8").replace("UInt64", "UInt32"), "utf-8")
    else:
        first.unlink()
    errors = generated(schema, root)
    assert f"infra/clickhouse/{first.name}:1:1: error[refused]" in errors
    assert "restore it from version control" in errors


@pytest.mark.parametrize(
    "schema", ["schema/examples/freight", "tests/codegen/golden/hostile/schema"]
)
def test_the_statements_of_any_catalog_store_its_texts_unchanged(
    schema: str, empty_store: Client, tmp_path: Path
) -> None:
    folder = REPOSITORY / schema
    assert generated(folder, tmp_path) == ""
    model = load(folder).model
    assert model is not None
    assert model.event.table is not None
    migrate(empty_store, tmp_path / "infra/clickhouse")
    rows: Sequence[Any] = empty_store.query(
        "SELECT product, metric_type, title, description, owner, aggregation"
        f" FROM {model.event.table.database}.catalog_metrics"
    ).result_rows
    assert sorted(rows) == sorted(
        (m.product, m.name, m.title, m.description, m.owner, m.aggregation)
        for m in model.catalog.metric_types
    )
    for view in ("usage", "usage_by_day", "usage_by_month"):
        assert (
            empty_store.query(f"SELECT * FROM {model.event.table.database}.{view}").row_count == 0
        )


def test_a_store_of_one_server_is_not_made_that_of_a_cluster(store: Client) -> None:
    assert cluster.of_store(store) is None
    with pytest.raises(SinkError, match=r"is of one server: .* on servers without one"):
        migrate_cluster(store, cluster.Cluster("c", cluster.Schema({}, {}, {})))


def test_the_statements_for_a_cluster_are_printed_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--cluster", "c", "--print"]) == 0
    printed = capsys.readouterr().out.split(";\n\n")
    assert printed[0] == f"CREATE DATABASE IF NOT EXISTS {DATABASE} ON CLUSTER 'c'"
    for arguments, error in (
        (["--print"], "pass --cluster NAME too"),
        (["--cluster", "a'b", "--print"], "no cluster can be named"),
        (["--cluster", "c", "--dsn", f"chdb://{tmp_path}/store"], "chDB is not a cluster"),
    ):
        assert main(["migrate", *arguments]) == 2
        assert error in capsys.readouterr().err

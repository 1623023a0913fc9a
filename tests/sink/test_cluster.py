"""The store of a cluster is that of one server, sharded by workspace; two shards answer as one.

Replication is not run: the statements for it are parsed only.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra.sink._generated.fields import ACCOUNT, DATABASE, RECEIPTS, TABLE
from infra.sink.closing.make import Terms, discard, make, verify
from infra.sink.cluster import SHARD, SHARDED, Cluster, Schema, on_shards
from infra.sink.erasing.stored import Key, Workspace
from infra.sink.errors import ClusterError, SinkError, UsageError
from infra.sink.migrate import migrate, migrate_cluster, schema
from infra.sink.reconcile import reconcile
from infra.sink.rollup.refresh import Refresh
from infra.sink.scripts import Script, read_scripts
from infra.sink.usage.query import Period, Query
from infra.sink.usage.sql import fetch, lines
from tests.sink.events import NOON, insert
from tests.sink.expected_usage import expected_usage
from tests.sink.shards import NAME, open_cluster
from tests.sink.test_histories import History, usage

_OBJECT = re.compile(rf"\b({DATABASE}|{SHARD})\.(\w+)")
_MINUTE = timedelta(minutes=1)
_CALL = {"product": "api", "metric_type": "api_call", "unit_cost": Decimal("0.5")}

_SMALL = Schema(
    tables={
        "closes": (
            f"CREATE TABLE {DATABASE}.closes\n(\n    `number` UInt64\n)\n"
            "ENGINE = MergeTree\nORDER BY number\nSETTINGS index_granularity = 8192"
        ),
        TABLE: (
            f"CREATE TABLE {DATABASE}.{TABLE}\n(\n    `{ACCOUNT}` String\n)\n"
            f"ENGINE = ReplacingMergeTree(_precedence)\nORDER BY {ACCOUNT}\n"
            "SETTINGS index_granularity = 8192"
        ),
    },
    writers={
        "writer": (
            f"CREATE MATERIALIZED VIEW {DATABASE}.writer TO {DATABASE}.closes\n"
            f"AS SELECT 1 AS number FROM {DATABASE}.{TABLE}"
        )
    },
    views={
        "last": f"CREATE OR REPLACE VIEW {DATABASE}.last AS\nSELECT 1 FROM {DATABASE}.closes",
        "used": f"CREATE OR REPLACE VIEW {DATABASE}.used AS\nSELECT 1 FROM {DATABASE}.{TABLE}",
        "used_as_of": (
            f"CREATE OR REPLACE VIEW {DATABASE}.used_as_of AS\n"
            f"SELECT * FROM {DATABASE}.used WHERE {{as_of:String}} != {{as_of:String}}"
        ),
    },
)
_OF_SMALL = """\
CREATE DATABASE IF NOT EXISTS main ON CLUSTER 'c-1'
CREATE DATABASE IF NOT EXISTS main_shard ON CLUSTER 'c-1'
CREATE TABLE IF NOT EXISTS main.closes ON CLUSTER 'c-1'
(
    `number` UInt64
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/main/closes', '{shard}-{replica}')
ORDER BY number
SETTINGS replicated_deduplication_window = 10000, \
replicated_deduplication_window_seconds = 3155760000, index_granularity = 8192
CREATE TABLE IF NOT EXISTS main_shard.usage_events ON CLUSTER 'c-1'
(
    `workspace_id` String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/main_shard/usage_events', \
'{replica}', _precedence)
ORDER BY workspace_id
SETTINGS replicated_deduplication_window = 0, index_granularity = 8192
CREATE MATERIALIZED VIEW IF NOT EXISTS main_shard.writer ON CLUSTER 'c-1' TO main.closes
AS SELECT 1 AS number FROM main_shard.usage_events
CREATE OR REPLACE TABLE main.usage_events ON CLUSTER 'c-1' AS main_shard.usage_events
ENGINE = Distributed('c-1', 'main_shard', 'usage_events', sipHash64(workspace_id))
CREATE OR REPLACE VIEW main.last ON CLUSTER 'c-1' AS
SELECT 1 FROM main.closes
CREATE OR REPLACE VIEW main_shard.used ON CLUSTER 'c-1' AS
SELECT 1 FROM main_shard.usage_events
CREATE OR REPLACE TABLE main.used ON CLUSTER 'c-1' AS main_shard.used
ENGINE = Distributed('c-1', 'main_shard', 'used', sipHash64(workspace_id))
CREATE OR REPLACE VIEW main_shard.used_as_of ON CLUSTER 'c-1' AS
SELECT * FROM main_shard.used WHERE {as_of:String} != {as_of:String}
CREATE OR REPLACE VIEW main.used_as_of ON CLUSTER 'c-1' AS
SELECT * FROM cluster('c-1', view(SELECT * FROM main_shard.used_as_of(as_of={as_of:String})))"""


@pytest.fixture(scope="module")
def made() -> Cluster:
    return Cluster(NAME, schema())


@pytest.fixture(scope="module")
def shards(made: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A store of two shards, which the tests of this module share."""
    with open_cluster(tmp_path_factory.mktemp("shards")) as client:
        migrate_cluster(client, made)
        yield client


def plan(made: Cluster) -> list[str]:
    return made.plan(read_scripts(), is_new=True)


def script(text: str) -> Script:
    return Script("9999_of_tomorrow.sql", text, once=True)


def test_the_statements_of_a_small_schema() -> None:
    planned = "\n".join(Cluster("c-1", _SMALL).plan([], is_new=True))
    assert planned == _OF_SMALL.replace("main", DATABASE)


@pytest.mark.parametrize("name", ["", "a'b", "a b", "1a", "ä", "a`", "{shard}"])
def test_a_name_that_no_cluster_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no cluster can be named"):
        Cluster(name, _SMALL)


def test_the_engine_parses_each_statement(made: Cluster, shards: Client) -> None:
    for statement in plan(made):
        shards.query(f"EXPLAIN AST {statement}")


def test_a_table_of_workspaces_is_sharded(made: Cluster, shards: Client) -> None:
    # One that is about workspaces, such as their time zones, is read with those of all.
    rows = shards.query(
        f"SELECT DISTINCT table FROM system.columns WHERE database IN ('{DATABASE}', '{SHARD}')"
        f" AND name = '{ACCOUNT}' AND table NOT LIKE 'workspace%'"
    ).result_rows
    assert {table for [table] in rows} | {RECEIPTS} <= made.sharded | {"usage_arrivals_writer"}
    assert made.sharded >= SHARDED


def test_nothing_but_what_asks_all_shards_reads_a_table_of_one(made: Cluster) -> None:
    asked = 0
    for statement in plan(made)[2:]:
        [where, name], *read = _OBJECT.findall(statement)
        if where == SHARD:
            assert {other for place, other in read if place == DATABASE}.isdisjoint(made.sharded)
        elif name in made.sharded:
            assert read == [(SHARD, name)]
            assert f"ENGINE = Distributed('{NAME}', " in statement or " FROM cluster(" in statement
            asked += 1
        else:
            assert {other for _, other in read}.isdisjoint(made.sharded)
    assert asked == sum(not name.endswith("_writer") for name in made.sharded)


def test_two_shards_hold_the_usage_that_one_server_does(shards: Client) -> None:
    chance = random.Random(15)
    now = datetime.now(UTC).replace(microsecond=0)
    arrived: list[list[dict[str, Any]]] = [[], []]
    for number in range(60):
        for event in History(f"history{number}", chance, now).events():
            chance.choice(arrived).append(event)
    for number, events in enumerate(arrived):
        insert(shards, ({**e, "ingested_at": NOON + number * _MINUTE} for e in events))
    for as_of in (NOON, None):
        known = arrived[: 1 if as_of else 2]
        expected = expected_usage((e for events in known for e in events), as_of or now)
        found = usage(shards, as_of).items()
        assert {key: value for key, value in found if key[0].startswith("history")} == expected
    of_shards = shards.query(
        f"SELECT shardNum(), count() > 0 FROM {DATABASE}.{TABLE} GROUP BY 1 ORDER BY 1"
    ).result_rows
    assert of_shards == [(1, 1), (2, 1)]
    # What the tests rely on: a table of one shard, read directly, is empty.
    assert shards.command(f"SELECT count() FROM {SHARD}.{TABLE}") == 0


def test_two_shards_are_closed_erased_and_reconciled_as_one(shards: Client) -> None:
    def events(event_id: str) -> Iterator[dict[str, Any]]:
        for number in range(8):
            identity = {ACCOUNT: f"closed{number}", "event_id": event_id, "metadata": '{"k":"v"}'}
            yield {**_CALL, **identity, "quantity": Decimal(number), "instance_id": "one"}

    def unclosed() -> dict[str, int]:
        return {name: left for name, left in erased.count().items() if left}

    period = Period(date(2026, 3, 1), date(2026, 4, 1))
    asked = Query(
        workspaces=tuple(f"closed{number}" for number in range(8)), period=period, window="month"
    )
    terms, march = Terms("UTC", "INR"), date(2026, 3, 1)
    insert(shards, ({**event, "seq": n} for n, event in enumerate(events("first"), 1)))
    assert len(fetch(shards, lines(asked, datetime.now(UTC)))) == 8
    [close] = make(shards, march, [f"closed{number}" for number in range(8)], terms)
    verify(shards, close)
    assert (close.events, close.lines) == (8, 8)
    assert make(shards, march, ["closed3"], terms) == [close]
    discard(shards, "none")

    # Number 9 is missing, wherever the events before and after it are.
    insert(shards, ({**event, "seq": n} for n, event in enumerate(events("late"), 10)))
    since, until = NOON - _MINUTE, NOON + _MINUTE
    found = reconcile(shards, since, until, late=30 * _MINUTE, limit=9)
    gaps = [(gap["instance_id"], gap["first"], gap["last"]) for gap in found["gaps"]]
    assert ("one", 9, 9) in gaps

    Key(shards, 0, "k", NOON + _MINUTE).delete()
    assert Key(shards, 0, "k", NOON + _MINUTE).events() == 0
    erased = Workspace(shards, "closed3", NOON + _MINUTE)
    assert unclosed() == {"usage_identities": 2, "close_events": 1, "usage_arrivals": 2, TABLE: 2}
    erased.delete()
    assert unclosed() == {}
    assert len(fetch(shards, lines(asked, datetime.now(UTC)))) == 7


def test_a_second_run_changes_nothing(made: Cluster, shards: Client) -> None:
    assert migrate_cluster(shards, made) == []


def test_what_a_cluster_cannot_do_is_refused_by_name(made: Cluster, shards: Client) -> None:
    with pytest.raises(SinkError, match="migrate --cluster two"):
        migrate(shards)
    with pytest.raises(SinkError, match="of the cluster two: pass"):
        migrate_cluster(shards, Cluster("other", _SMALL))
    with pytest.raises(ClusterError, match="has no roll-ups"):
        Refresh(shards).run()
    for statement in ("EXCHANGE TABLES a AND b", f"INSERT INTO {DATABASE}.{TABLE} SELECT 1"):
        with pytest.raises(SinkError, match=rf"9999_of_tomorrow.*cluster.*{statement[:9]}"):
            made.plan([script(f"{statement};\n")], is_new=False)


def test_a_later_migration_reaches_all_shards(made: Cluster, shards: Client) -> None:
    [altered] = [
        statement
        for statement in made.plan(
            [
                script(
                    f"ALTER TABLE {DATABASE}.{TABLE}\n"
                    "    ADD COLUMN IF NOT EXISTS region String AFTER seq,\n"
                    "    ADD CONSTRAINT short CHECK length(region) < 9;\n"
                )
            ],
            is_new=False,
        )
        if statement.startswith("ALTER")
    ]
    assert altered.startswith(f"ALTER TABLE {SHARD}.{TABLE} ON CLUSTER '{NAME}'\n    ADD COLUMN IF")
    shards.query(f"EXPLAIN AST {altered}")
    shards.command(altered)
    for statement in made.plan([], is_new=False):
        shards.command(statement)
    insert(shards, [{ACCOUNT: "upgraded", "event_id": "a", "region": "south"}])
    query = f"SELECT region FROM {DATABASE}.{TABLE} WHERE {ACCOUNT} = 'upgraded'"
    assert shards.command(query) == "south"


def test_rows_of_workspaces_are_changed_on_each_shard() -> None:
    where = f"a IN (SELECT a FROM {DATABASE}.{TABLE})"
    assert on_shards(f"DELETE FROM {DATABASE}.{RECEIPTS} WHERE {where}", "c") == (
        f"DELETE FROM {SHARD}.{RECEIPTS} ON CLUSTER 'c' WHERE a IN (SELECT a FROM {SHARD}.{TABLE})"
    )
    of_all = f"ALTER TABLE {DATABASE}.usage_explained DELETE WHERE {where}"
    assert on_shards(of_all, "c") == of_all

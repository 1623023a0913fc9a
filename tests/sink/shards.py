"""The store of a cluster of two shards, which one chDB plays.

The engine's own Distributed tables split rows and join what shards answer, within the process, as
a cluster may name one server twice. Both shards have the same tables, and a row policy shows each
its own rows: `shardNum()` is 0 outside a query to shards, so that a table which is read directly
is empty. Replication, Keeper and `ON CLUSTER` are missing: those words are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from infra.sink.cluster import SHARD, SHARDED
from infra.sink.store import ON_SERVERS

NAME = "two"
# Materialized views read what is inserted as this user, who is in no query to shards.
_WRITER = "writer"
_SHARDS = 2
_HOST = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
_REPLICATED = re.compile(r"ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?")


def on_one_server(statement: str) -> str:
    """Returns a statement without what needs several servers."""
    if statement.startswith("CREATE MATERIALIZED VIEW"):
        as_writer = f"DEFINER = {_WRITER} SQL SECURITY DEFINER\nAS SELECT"
        statement = statement.replace("AS SELECT", as_writer, 1)
    statement = _REPLICATED.sub(r"ENGINE = \1(", statement)
    return statement.replace(f" ON CLUSTER '{NAME}'", "")


@contextmanager
def open_cluster(folder: Path) -> Iterator[Client]:
    """Opens an empty store of a cluster, while this process has no store open."""
    users = folder / "users.xml"
    users.write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>"
        f"{_user('default', _is_of_shard)}{_user(_WRITER, lambda _: '1')}</users></clickhouse>"
    )
    config = folder / "config.xml"
    config.write_text(
        f"<clickhouse><tcp_port>9000</tcp_port><users_config>{users}</users_config>"
        f"<user_directories><users_xml><path>{users}</path></users_xml></user_directories>"
        f"<remote_servers><{NAME}>{_HOST * _SHARDS}</{NAME}></remote_servers></clickhouse>"
    )
    client = clickhouse_connect.get_client(
        interface="chdb",
        path=str(folder / "store"),
        chdb_options={"config-file": str(config)},
        settings=dict(ON_SERVERS),
        tz_mode="aware",
    )
    command = client.command

    def command_on_one_server(statement: str, *rest: Any, **options: Any) -> Any:
        return command(on_one_server(statement), *rest, **options)

    client.command = command_on_one_server  # type: ignore[assignment, method-assign]
    with client:
        yield client


def _user(name: str, sees: Callable[[str], str]) -> str:
    policies = "".join(
        f"<{table}><filter>{escape(sees(table))}</filter></{table}>" for table in SHARDED
    )
    return (
        f"<{name}><password></password><networks><ip>::/0</ip></networks>"
        "<profile>default</profile><quota>default</quota><access_management>1</access_management>"
        f"<databases><{SHARD}>{policies}</{SHARD}></databases></{name}>"
    )


def _is_of_shard(table: str) -> str:
    key = "_identity" if table == "usage_receipts" else "sipHash64(workspace_id)"
    return f"{key} % {_SHARDS} + 1 = shardNum()"

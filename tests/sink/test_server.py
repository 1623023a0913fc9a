"""The sink in front of a server: several at once, and errors that the server answers with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.sink._generated.fields import DATABASE, ID, TABLE, USAGE
from infra.sink.decode import Row
from infra.sink.errors import UnavailableError
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from infra.sink.writer import Writer
from tests.broker import DevBroker
from tests.sink.clickhouse_server import ClickHouseServer, Failure
from tests.sink.harness import Sink, encoded, event, produce
from tests.waiting import eventually

_COUNT = f"SELECT count() FROM {DATABASE}.{USAGE}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    """A server with all migrations applied."""
    with ClickHouseServer(tmp_path / "server") as running:
        with open_store(running.dsn) as client:
            migrate(client)
        yield running


def rows(count: int) -> list[Row]:
    lines = [encoded(event(**{ID: str(n), "seq": n + 1})) for n in range(count)]
    return [Row(line, "api", "api_call", "ok", "", "") for line in lines]


# A full disk, a changed password, a missing grant, a table that is gone, an aborted query, a quota.
@pytest.mark.parametrize(
    ("code", "name"),
    [
        (243, "NOT_ENOUGH_SPACE"),
        (516, "AUTHENTICATION_FAILED"),
        (497, "ACCESS_DENIED"),
        (60, "UNKNOWN_TABLE"),
        (236, "ABORTED"),
        (201, "QUOTA_EXCEEDED"),
    ],
)
def test_an_error_of_the_server_is_waited_for_and_no_event_is_blamed(
    server: ClickHouseServer, code: int, name: str
) -> None:
    def fail(statement: str) -> None:
        if statement.startswith("INSERT"):
            raise Failure(code, name)

    writer = Writer(server.dsn)
    server.before = fail
    with pytest.raises(UnavailableError, match=name):
        list(writer.insert(rows(30)))
    server.before = lambda _: None
    assert list(writer.insert(rows(30))) == []
    assert writer.open().command(_COUNT) == 30
    writer.close()


def test_a_row_that_the_server_rejects_is_named_and_the_others_are_stored(
    server: ClickHouseServer,
) -> None:
    good = rows(20)
    fields = json.loads(good[7].line)
    good[7] = good[7]._replace(line=encoded({**fields, "quantity": "many"}))
    writer = Writer(server.dsn)
    [(index, reason)] = writer.insert(good)
    assert index == 7
    assert "code: 27" in reason
    assert writer.open().command(_COUNT) == 19
    writer.close()


def test_two_sinks_share_a_server_and_every_event_counts_once(
    server: ClickHouseServer, own_broker: DevBroker, tmp_path: Path
) -> None:
    sinks = [Sink(own_broker.bootstrap, tmp_path, name=n, dsn=server.dsn) for n in ("a", "b")]

    def partitions(sink: Sink) -> set[str]:
        found = re.findall(r"assigned partitions \[(.+?)\]", sink.log)
        return set(found[-1].split(", ")) if found else set()

    def shared() -> bool:
        one, other = map(partitions, sinks)
        return bool(one and other) and not one & other

    with sinks[0], sinks[1], open_store(server.dsn) as client:
        eventually(shared)
        messages = [encoded(event(**{ID: str(n), "seq": n + 1})) for n in range(400)]
        for partition in range(own_broker.topics["eka.usage.events"]):
            produce(own_broker.bootstrap, messages[partition::10], partition=partition)
        eventually(lambda: client.command(_COUNT) == 400)
        eventually(lambda: all(sink.stored for sink in sinks))
        for sink in sinks:
            assert sink.stop() == 0
        assert client.command(f"SELECT count() FROM {DATABASE}.{TABLE}") == 400

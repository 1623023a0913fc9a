"""The commands of the page on questions about usage find what they ask for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import ENVIRONMENT_PREFIX
from infra.sink.migrate import migrate
from infra.sink.store import open_store
from tests.sink.events import insert

_PAGE = (Path(__file__).resolve().parents[2] / "docs/usage-queries.md").read_text()
_MORNING = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def events() -> Iterator[dict[str, Any]]:
    client = {
        "environment": "production",
        "hostname": "node-1",
        "sdk_language": "python",
        "sdk_version": "0.2.0",
        "instance_id": "checkout-1",
        "service_name": "checkout",
    }
    call = {**client, "product": "api", "metric_type": "api_call", "workspace_id": "ws-42"}
    priced = {"event_id": "order-7", "quantity": Decimal(3), "unit_cost": Decimal("0.2")}
    tokens = {"product": "agent", "metric_type": "input_token", "model": "gpt-x"}
    region = {"metadata": '{"region":"eu"}'}
    for number, event in (
        (7, {**call, **priced}),
        (8, {**call, **tokens, **region, "event_id": "t1"}),
        (9, {**call, **tokens, "event_id": "t2", "workspace_id": "ws-43"}),
    ):
        times = {"occurred_at": _MORNING, "ts": _MORNING, "ingested_at": _MORNING + _SECOND}
        yield {**event, **times, "seq": number}


def test_the_commands_of_the_page_find_what_they_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = f"chdb://{tmp_path}/store"
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}CLICKHOUSE_DSN", dsn)
    monkeypatch.delenv(f"{ENVIRONMENT_PREFIX}KAFKA_BROKERS", raising=False)
    with open_store(dsn) as client:
        migrate(client)
        stored = list(events())
        insert(client, stored)
        insert(client, [{**stored[0], "ingested_at": _MORNING + timedelta(minutes=15)}])
    blocks = re.findall(
        r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", _PAGE, re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 3
    for commands, expected in blocks:
        for command in commands.splitlines():
            program, *arguments = shlex.split(command)
            assert program == "usage-sink"
            assert main(arguments) == 0, command
            printed = capsys.readouterr().out
            assert "ws-42" in printed or expected, command
            if expected:
                assert printed == expected

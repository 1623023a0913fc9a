"""The scenarios of the page on invoices, in their order: its commands print what it says."""

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
from infra.sink.dsn import VARIABLE
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink.events import insert
from tests.sink.stores import make_store

_PAGE = (Path(__file__).resolve().parents[2] / "docs/invoices.md").read_text()
_MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
# In Kolkata.
_END_OF_OCTOBER = datetime(2026, 10, 31, 18, 30, tzinfo=UTC)


def order(number: int, quantity: int, occurred: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "workspace_id": "ws-42",
        "product": "api",
        "metric_type": "api_call",
        "event_id": f"order-{number}",
        "seq": number,
        "quantity": Decimal(quantity),
        "unit_cost": Decimal("0.5"),
        "occurred_at": occurred,
        "ts": occurred,
        "ingested_at": occurred,
        **fields,
    }


def scenarios() -> Iterator[tuple[str, list[str], list[str]]]:
    """Yields each heading with its commands, and the parts of lines that they print."""
    for part in re.split(r"^##+ ", _PAGE, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```(sh|text)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
        commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
        printed = [line for kind, text in blocks if kind == "text" for line in text.splitlines()]
        if commands:
            yield part.partition("\n")[0], commands, printed


def test_the_scenarios_of_the_page_end_as_it_says(
    tmp_path: Path,
    broker: DevBroker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dsn = f"chdb://{tmp_path}/store"
    monkeypatch.setenv(VARIABLE, dsn)
    monkeypatch.setenv("EKA_KAFKA_BROKERS", broker.bootstrap)
    make_store(tmp_path / "store")

    def add(*events: dict[str, Any]) -> None:
        with open_store(dsn) as client:
            insert(client, events)

    arrival = datetime(2026, 4, 7, 8, tzinfo=UTC)
    # Of a client that was offline until then, so that no number was missing before.
    late = order(3, 3, _MARCH, ts=arrival, ingested_at=arrival, instance_id="offline", seq=1)
    copy = order(1, 9, _MARCH, ingested_at=datetime(2026, 6, 9, tzinfo=UTC))
    april, june = (datetime(2026, month, 20, tzinfo=UTC) for month in (4, 6))
    others = (order(2, 4, _MARCH), order(3, 10, april, event_id="order-4"))
    before = {
        "Closing a month": (order(1, 2, _MARCH), *others, order(4, 1, june, event_id="order-5")),
        "A late event": (late,),
        "Copies that differ": (copy,),
        "A zone of its own": tuple(
            order(number, quantity, time, event_id=f"moved-{number}", workspace_id="ws-43")
            for number, quantity, time in (
                (6, 2, _END_OF_OCTOBER - timedelta(milliseconds=1)),
                (7, 3, _END_OF_OCTOBER),
                (8, 4, datetime(2026, 11, 1, 4, tzinfo=UTC)),
            )
        ),
        "A workspace that is renamed or merged": tuple(
            order(number, quantity, time, event_id=f"bought-{number}", workspace_id="ws-44")
            for number, quantity, time in (
                (9, 1, _END_OF_OCTOBER - timedelta(days=9)),
                (10, 5, _END_OF_OCTOBER + timedelta(days=9)),
            )
        ),
    }
    void = ""
    done = []
    for heading, commands, printed in scenarios():
        if heading in before:
            add(*before[heading])
        for command in commands:
            words = shlex.split(command.partition(" || ")[0].replace("VOID", void))
            status = main(words[1:])
            assert status == (4 if "||" in command else 0), capsys.readouterr().err
        shown = " ".join(capsys.readouterr().out.split())
        rest = shown
        for line in printed:
            _, part, rest = rest.partition(" ".join(line.split()))
            assert part, f"{heading}: {line!r} is not in {shown}, or not in this order"
        if taken := re.search(r"is taken back by ([0-9a-f-]+)", shown):
            void = taken[1]
        done.append(heading)
    assert done == [
        "Closing a month",
        "A late event",
        "An event that is taken back",
        "An event that is restored",
        "Copies that differ",
        "A zone of its own",
        "A workspace that is renamed or merged",
        "Usage as of a time",
    ]

"""`trace` tells what became of an event, wherever it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.sink.__main__ import main
from infra.sink._generated.fields import DATABASE, DEAD_LETTER_TOPIC, TABLE, USAGE_TOPIC
from infra.sink.store import open_store
from tests.broker import DevBroker
from tests.sink.harness import Sink, encoded, event, produce

W = 'w"1'
CALL = {"workspace_id": W, "product": "api", "metric_type": "api_call", "instance_id": "c1"}
MINUTE = {**CALL, "product": "ekascribe", "metric_type": "transcription_minute", "quantity": 0}


def test_trace_tells_what_became_of_an_event(
    own_broker: DevBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    void = {"status": "void", "quantity": 0, "is_billable": 0, "voids": "taken"}
    events: list[dict[str, Any]] = [
        event(**CALL, event_id="plain", seq=1, unit_cost=2, quantity=3, service_name="checkout"),
        event(**CALL, event_id="copied", seq=2),
        event(**CALL, event_id="copied", seq=3),
        event(**CALL, event_id="differs", seq=4),
        event(**CALL, event_id="differs", seq=5, quantity=7),
        event(**CALL, event_id="taken", seq=6),
        event(**CALL, event_id="v1", seq=7, **void, metadata='{"reason":"cancelled"}'),
        event(**MINUTE, event_id="s", seq=8, boundary="start", session_id="visit"),
        event(
            **MINUTE,
            event_id="e",
            seq=9,
            boundary="end",
            session_id="visit",
            occurred_at="2026-03-10T12:30:00.000Z",
        ),
        event(**CALL, event_id="erased", seq=10),
        event(**CALL, event_id="plain", seq=11) | {"product": "agent", "metric_type": "tool_call"},
        event(**CALL, event_id="bad\\id", seq=12, quantity=-1),
    ]
    produce(own_broker.bootstrap, map(encoded, events), partition=1)
    with Sink(own_broker.bootstrap, tmp_path).migrate() as sink:
        sink.wait_for("lag 0")
        assert sink.stop() == 0
    produce(own_broker.bootstrap, [encoded(event(**CALL, event_id="late", seq=13))], partition=1)
    with open_store(sink.dsn) as client:
        erase = f"DELETE FROM {DATABASE}.{TABLE} WHERE event_id = 'erased'"
        client.command(erase, settings={"mutations_sync": 1, "lightweight_deletes_sync": 2})

    def trace(name: str, status: int = 0, *options: str) -> str:
        asked = ["trace", "--dsn", sink.dsn, "--workspace", W, "--event", name, *options]
        assert main(asked) == status
        return capsys.readouterr().out

    def everywhere(name: str, status: int = 0, *options: str) -> str:
        return trace(name, status, "--brokers", own_broker.bootstrap, *options)

    plain = everywhere("plain")
    assert plain.index("agent.tool_call\n") < plain.index("api.api_call\n")
    assert "2026-03-10T12:00:00.000Z by client c1, number 1, service_name checkout" in plain
    assert "counts      in 2026-03 (" in plain
    assert "), billable, production: quantity 3, cost 6, aggregated by sum" in plain
    assert f"in Kafka      {USAGE_TOPIC}/1/0\nin Kafka      {USAGE_TOPIC}/1/10\n" in plain
    assert "pass --brokers" in trace("plain")
    assert "copies      1, the last stored 2" in trace("copied")
    assert "all alike" in trace("copied")
    assert "which bill differently: the first counts" in trace("differs")
    taken = trace("taken")
    assert "taken back  by v1: cancelled\n" in taken
    assert "counts      nowhere\n" in taken
    assert "takes back  taken\n" in trace("v1")
    for boundary in ("s", "e"):
        told = trace(boundary)
        assert "visit, ended, from 2026-03-10T12:00:00.000Z to 2026-03-10T12:30:00.000Z" in told
        assert "), billable, production: quantity 30, cost 30, " in told
    assert "its receipt is left" in trace("erased")
    late = everywhere("late")
    assert "not stored    the sinks have not reached it" in late
    bad = everywhere("bad\\id")
    assert f"dead letter   {USAGE_TOPIC}/1/11, not replayed: invalid: quantity" in bad
    assert DEAD_LETTER_TOPIC not in bad
    none = everywhere("none", 1, "--since", "2026-03-01")
    assert "no event 'none' of workspace" in none

    document = json.loads(everywhere("differs", 0, "--format", "json"))
    [told] = document["events"]
    assert [each["number"] for each in told["arrivals"]] == [4, 5]
    assert told["conflicts"] is True
    assert told["line"]["quantity"] == "1"
    assert document["kafka"] == {
        "messages": [f"{USAGE_TOPIC}/1/3", f"{USAGE_TOPIC}/1/4"],
        "letters": [],
    }
    assert json.loads(trace("none", 1, "--format", "json"))["kafka"] is None

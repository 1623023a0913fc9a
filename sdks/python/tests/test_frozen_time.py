"""In tests of the host that freeze the time, with freezegun."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import freezegun
import pytest
from eka_usage import EkaClient
from freezegun import freeze_time

from sdks.python.tests.support import CollectingProducer, ReportedErrors
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker

FROZEN = "2019-05-17T10:20:30.500Z"
# Freezegun reads each attribute of each module, which native ones of other tests may not survive.
freezegun.configure(
    extend_ignore_list=[
        *("celery", "chdb", "clickhouse_connect", "cryptography", "fakeredis", "httpx", "jinja2"),
        *("jsonschema_rs", "numpy", "openapi", "opentelemetry", "prometheus_client", "pydantic"),
        *("requests", "rq", "starlette", "tree_sitter", "trustme", "yaml"),
    ]
)
# Real seconds, by a clock that freezegun does not replace.
_LONG = 30.0


def real_seconds() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def test_events_have_the_frozen_time(errors: ReportedErrors) -> None:
    collector = CollectingProducer()
    client = EkaClient("frozen", producer=collector, on_error=errors)
    with freeze_time(FROZEN) as frozen:
        now = datetime.now(timezone.utc)
        client.record("ws", "api", "api_call", occurred_at=now)
        frozen.tick(60)
        client.record("ws", "api", "api_call", occurred_at=now)
        client.record("ws", "api", "api_call", occurred_at=now + timedelta(hours=2))
    client.record("ws", "api", "api_call")
    client.shutdown()
    events = [json.loads(sent.value) for sent in collector.sent]
    assert errors.codes == ["occurred_at.invalid"]
    assert [event["ts"] for event in events[:2]] == [FROZEN, "2019-05-17T10:21:30.500Z"]
    assert [event["occurred_at"] for event in events[:2]] == [FROZEN, FROZEN]
    assert events[2]["ts"] > "2026"
    assert len({event["event_id"] for event in events}) == 3


@pytest.mark.parametrize("creation", ["before", "inside"])
@pytest.mark.parametrize("spool", ["off", "spill", "durable"])
def test_waits_end_while_time_stands_still(
    spool: Any, creation: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    def make() -> EkaClient:
        return EkaClient(
            "frozen", broker.bootstrap, spool=spool, spool_dir=str(tmp_path), linger_ms=5
        )

    client = make() if creation == "before" else None
    begin = real_seconds()
    with freeze_time(FROZEN):
        client = client or make()
        event_id = client.record("ws", "api", "api_call", occurred_at=datetime.now(timezone.utc))
        assert client.flush(_LONG) == 0
        assert client.shutdown(_LONG) == 0
    assert real_seconds() - begin < _LONG
    assert [json.loads(message.value)["event_id"] for message in topic.messages()] == [event_id]


@pytest.mark.parametrize("spool", ["off", "spill"])
def test_timeouts_end_while_time_stands_still(spool: Any, tmp_path: Path) -> None:
    client = EkaClient(
        "frozen", "127.0.0.1:1", {"log_level": 0}, spool=spool, spool_dir=str(tmp_path)
    )
    begin = real_seconds()
    with freeze_time(FROZEN):
        client.record("ws", "api", "api_call")
        assert client.flush(0.1) == 1
        assert client.shutdown(0.1) == (spool == "off")
    assert real_seconds() - begin < _LONG

"""bind(): a client with defaults that shares everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from eka_usage import EkaClient, Usage, metrics

from sdks.python.tests.support import VALID, CollectingProducer, ReportedErrors

CALL = metrics.api.api_call
MINUTE = metrics.ekascribe.transcription_minute
NAMES = ("workspace_id", "service_name", "vendor", "run_id", "metadata")


@pytest.fixture
def producer() -> CollectingProducer:
    """A producer that collects the bytes."""
    return CollectingProducer()


@pytest.fixture
def client(producer: CollectingProducer, errors: ReportedErrors) -> Iterator[EkaClient]:
    """A client of that producer."""
    with EkaClient("own", producer=producer, on_error=errors) as made:
        yield made


def sent(producer: CollectingProducer) -> list[tuple[Any, ...]]:
    """Returns what may be bound of each event that was sent."""
    events = [json.loads(message.value) for message in producer.sent]
    return [tuple(event.get(name) for name in NAMES) for event in events]


def test_every_call_has_the_defaults(client: EkaClient, producer: CollectingProducer) -> None:
    bound = client.bind("ws", service_name="s", vendor="v", run_id="r", metadata={"a": 1})
    bound.record(None, "api", "api_call")
    bound.record_metric(None, CALL)
    bound.record_many([Usage(None, "api", "api_call")])
    bound.record_amounts(None, [(CALL, 1)], event_id="e")
    bound.session_start(None, MINUTE, "s-1")
    bound.session(None, MINUTE).end()
    assert sent(producer) == [("ws", "s", "v", "r", '{"a":1}')] * 6


def test_what_a_call_gives_wins_and_metadata_merges_by_key(
    client: EkaClient, producer: CollectingProducer
) -> None:
    bound = client.bind("ws", service_name="s", vendor="v", metadata={"a": 1, "b": 1})
    bound.record("other", "api", "api_call", service_name="t", vendor="w", metadata={"b": 2})
    bound.record_many([Usage("other", "api", "api_call", vendor=None, metadata={"c": 3})])
    bound.log(None, "api", "api_call", "m", metadata={"a": 2})
    assert sent(producer) == [
        ("other", "t", "w", None, '{"a":1,"b":2}'),
        ("other", "s", "v", None, '{"a":1,"b":1,"c":3}'),
        ("ws", "s", "v", None, '{"a":2,"b":1,"level":"error","message":"m"}'),
    ]


def test_a_bound_client_binds_further(client: EkaClient, producer: CollectingProducer) -> None:
    bound = client.bind("ws", vendor="v", metadata={"a": 1}).bind(run_id="r", metadata={"b": 2})
    bound.record(None, "api", "api_call")
    assert sent(producer) == [("ws", "own", "v", "r", '{"a":1,"b":2}')]


def test_a_void_has_the_workspace_and_the_service_and_nothing_else(
    client: EkaClient, producer: CollectingProducer
) -> None:
    bound = client.bind("ws", service_name="s", vendor="v", metadata={"a": 1})
    bound.void(None, CALL, "e", "twice")
    assert sent(producer) == [("ws", "s", None, None, '{"reason":"twice"}')]


def test_it_shares_numbers_counters_and_the_end(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    first, second = client.bind("a"), client.bind("b")
    first.record(None, "api", "api_call")
    second.record(None, "api", "api_call")
    client.record(**VALID)
    assert [json.loads(message.value)["seq"] for message in producer.sent] == [1, 2, 3]
    assert first.stats().accepted == client.stats().accepted == 3
    session = first.session(None, MINUTE)
    first.shutdown()
    assert session.end() is None
    assert errors.contexts("session.unfinished")[0].get("workspace_id") == "a"
    assert second.record(None, "api", "api_call") is None
    assert errors.codes[-1] == "client.closed"


def test_without_a_workspace_the_call_has_to_name_one(
    client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    bound = client.bind(vendor="v")
    assert bound.record(None, "api", "api_call") is None
    assert bound.record_many([Usage(None, "api", "api_call")]) is None
    assert errors.codes == ["workspace_id.invalid"] * 2
    with pytest.raises(TypeError, match="unexpected keyword argument 'vendr'"):
        client.bind(vendr="v")  # type: ignore[call-arg]


def test_it_records_in_a_forked_child(client: EkaClient) -> None:
    bound = client.bind("ws")
    bound.record(None, "api", "api_call")
    reading, writing = os.pipe()
    child = os.fork()  # noqa: TID251
    if child == 0:
        bound.record(None, "api", "api_call")
        os.write(writing, str(bound.stats().accepted).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"1"
    os.close(reading)
    os.close(writing)

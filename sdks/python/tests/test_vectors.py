"""The conformance vectors: the same calls, bytes and codes as in every other SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from eka_usage import EkaClient
from eka_usage._clock import parse_time
from eka_usage._describe import printable

from . import vectors
from .support import CollectingProducer, ReportedErrors

if TYPE_CHECKING:
    from tests.broker import DevBroker

    from .topic_reader import TopicReader

LANGUAGE = "python"
VECTORS = vectors.load()
RUNNABLE = [vector for vector in VECTORS if LANGUAGE not in vector.case.cannot]


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Writes the list of cases that ran, for the comparison between SDKs."""
    yield
    path = os.environ.get("CONFORMANCE_REPORT")
    if path:
        lines = [
            vector.case.id + ("\tcannot" if LANGUAGE in vector.case.cannot else "")
            for vector in VECTORS
        ]
        Path(path).write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def client(
    vector: vectors.Vector, collector: CollectingProducer, errors: ReportedErrors
) -> EkaClient:
    """Returns a client with the injected values of a vector."""
    given = vector.file.given
    now = parse_time(given.clock)
    assert now is not None
    ids = iter([given.instance_id])
    of_case: Any = vector.case.client
    return EkaClient(
        given.service_name,
        producer=collector,
        on_error=errors,
        clock=lambda: now * 1_000_000,
        new_id=lambda: next(ids, given.event_id),
        hostname=given.hostname,
        **of_case,
    )


@pytest.mark.parametrize("vector", RUNNABLE, ids=lambda vector: vector.case.id)
def test_a_call_produces_what_its_vector_expects(vector: vectors.Vector) -> None:
    collector, errors = CollectingProducer(), ReportedErrors()
    with client(vector, collector, errors) as recording:
        record: Any = recording.record
        event_id = record(**vector.arguments)
    expect = vector.case.expect
    if expect.event is None:
        assert (event_id, collector.sent) == (None, [])
        assert [(error.code, error.field) for error, _ in errors] == [(expect.code, expect.field)]
        assert [printable(str(error)) for error, _ in errors] == [str(error) for error, _ in errors]
        assert str(errors[0][0]).endswith(expect.says)
        return
    assert event_id is not None, errors
    [sent] = collector.sent
    assert sent.value.decode() == vector.event.decode()
    assert sent.key.decode() == json.loads(sent.value)["workspace_id"]
    assert event_id == json.loads(sent.value)["event_id"]
    assert errors.codes == (["metadata.degraded"] if expect.degraded else [])


def test_keys_go_to_the_partitions_that_the_vectors_expect(
    broker: DevBroker, topic: TopicReader
) -> None:
    expected = {
        vector.arguments["workspace_id"]: vector.case.expect.partition
        for vector in RUNNABLE
        if vector.case.expect.partition is not None
    }
    assert expected
    with EkaClient(
        "partitions", broker.bootstrap, security_protocol="PLAINTEXT", acks="1"
    ) as recording:
        for key in expected:
            recording.record(key, "api", "api_call")
        assert recording.flush() == 0
    assert {message.key.decode(): message.partition for message in topic.messages()} == expected

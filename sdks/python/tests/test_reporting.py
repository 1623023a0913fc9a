"""Errors are reported once: to `on_error`, or as one log line per second for each code."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from eka_usage import _reporting

from sdks.python.tests.support import (
    VALID,
    CollectingProducer,
    ReportedErrors,
    fixed_client,
    shown,
)


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the default error log."""
    made = Clock()
    monkeypatch.setattr(_reporting, "monotonic", made.monotonic)
    return made


def test_without_on_error_an_error_is_logged_with_its_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with fixed_client(producer=CollectingProducer()) as client:
        client._record("ws", "bogus", "api_call")
        client.record(**VALID, metadata={"lost": {1}})
    assert [record.name for record in caplog.records] == ["eka_usage"] * 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    first, second = caplog.messages
    assert first.startswith("invalid product 'bogus': ")
    assert first.endswith(" [product.unknown]")
    assert second.endswith(
        "degraded metadata: 'lost' of type set became a string [metadata.degraded]"
    )


def test_a_logged_error_has_code_field_and_event_id_as_attributes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with fixed_client(producer=CollectingProducer()) as client:
        client._record("ws", "bogus", "api_call")
        event_id = client.record(**VALID, metadata={"lost": {1}})
    rejected, degraded = (vars(record) for record in caplog.records)
    assert (rejected["code"], rejected["field"]) == ("product.unknown", "product")
    assert "event_id" not in rejected
    assert (degraded["code"], degraded["event_id"]) == ("metadata.degraded", event_id)


def test_a_code_is_logged_once_per_second_with_the_number_suppressed(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with fixed_client(producer=CollectingProducer()) as client:
        for step in (0.0, 0.5, 0.499, 0.001, 0.999, 0.001):
            clock.now += step
            client._record("ws", "bogus", "api_call")
        suffixes = [message.partition("[product.unknown]")[2] for message in caplog.messages]
        assert suffixes == [
            "",
            " (2 similar lines were suppressed)",
            " (1 similar lines were suppressed)",
        ]


def test_each_code_is_rate_limited_separately(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with fixed_client(producer=CollectingProducer()) as client:
        for _ in range(3):
            client._record("ws", "bogus", "api_call")
            client._record("ws", "api", "bogus")
        assert len(caplog.messages) == 2


def test_shutdown_logs_how_many_lines_were_suppressed(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with fixed_client(producer=CollectingProducer()) as client:
        for _ in range(5):
            client._record("ws", "bogus", "api_call")
    assert caplog.messages[1:] == ["4 more errors like the last product.unknown were suppressed"]


def test_a_falsy_on_error_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = ReportedErrors()
    assert not errors
    with fixed_client(producer=CollectingProducer(), on_error=errors) as client:
        client._record("ws", "bogus", "api_call")
    assert errors.codes == ["product.unknown"]
    assert caplog.messages == []


def test_debug_logs_the_ids_of_every_accepted_event_and_not_its_metadata(
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector = CollectingProducer()
    with (
        caplog.at_level(logging.DEBUG, "eka_usage"),
        fixed_client(producer=collector, debug=True) as client,
    ):
        event_id = client.record(**VALID, metadata={"patient": "Jane Doe"})
    assert caplog.messages == [f"accepted {event_id}"]
    logged = vars(caplog.records[0])
    assert {"event_id": event_id, **VALID, "status": "ok"}.items() <= logged.items()
    assert "Jane Doe" not in shown(logged)


def test_the_context_of_a_failed_delivery_identifies_the_event(errors: ReportedErrors) -> None:
    class Refusing(CollectingProducer):
        def produce(self, *, on_delivery: Any, **_: Any) -> None:
            on_delivery("no such topic", None)

    with fixed_client(producer=Refusing(), on_error=errors) as client:
        event_id = client.record(**VALID, status="error", quantity=3)
    [(error, context)] = errors
    assert str(error) == "delivery failed: no such topic"
    assert context == {
        "code": "delivery.failed",
        "reason": "delivery.failed",
        "field": None,
        "topic": "eka.usage.events",
        "event_id": event_id,
        **VALID,
        "status": "error",
    }

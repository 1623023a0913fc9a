"""Near the recursion limit an event is accepted, or rejected and reported, or nothing happened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eka_usage import EkaClient, EkaError, ErrorContext, Usage

from sdks.python.tests.support import (
    NO_BROKER,
    CollectingProducer,
    ReportedErrors,
    ScriptedProducer,
    fixed_client,
)


def descend(frames: int, call: Callable[[], Any]) -> Any:
    """Calls from so many frames further down."""
    return descend(frames - 1, call) if frames else call()


class DeepErrors(ReportedErrors):
    """An `on_error` that takes some of the stack itself."""

    def __call__(self, error: EkaError, context: ErrorContext) -> None:
        descend(15, lambda: self.append((error, context)))


def room() -> int:
    """Returns how many frames the stack has left."""
    try:
        return 1 + room()
    except RecursionError:
        return 0


def outcomes(call: Callable[[], str | None], errors: ReportedErrors, frames: int = 60) -> list[str]:
    """Returns what became of calls with less and less room on the stack."""
    found: list[str] = []
    depth = room()
    for left in range(frames):
        before = len(errors)
        try:
            accepted = descend(depth - left, call)
        except RecursionError:
            assert len(errors) == before
            found.append("nothing")
        else:
            assert len(errors) == before + (accepted is None)
            found.append("rejected" if accepted is None else "accepted")
    return found


@pytest.fixture(autouse=True)
def _unchanged_limit() -> Any:
    limit = sys.getrecursionlimit()
    yield
    assert sys.getrecursionlimit() == limit


def deep_producer(collector: CollectingProducer) -> ScriptedProducer:
    """Returns a producer that takes some of the stack itself."""
    return ScriptedProducer(lambda **given: descend(10, lambda: collector.produce(**given)))


@pytest.mark.parametrize("name", ["record", "_try_record"])
def test_an_event_is_accepted_or_nothing_happened(name: str) -> None:
    collector, errors = CollectingProducer(), DeepErrors()
    with fixed_client(producer=deep_producer(collector), on_error=errors) as client:
        client.record("ws", "api", "api_call")
        usage = Usage("ws", "api", "api_call", 7, metadata={"a": 1}, vendor="acme")
        calls: dict[str, Callable[[], str | None]] = {
            "record": lambda: client.record(
                "ws", "api", "api_call", 7, metadata={"a": 1}, vendor="acme"
            ),
            "_try_record": lambda: str(client._try_record(usage)),
        }
        found = outcomes(calls[name], errors)
        client.record("ws", "api", "api_call")
        stats = client.stats()
    assert set(found) == {"accepted", "nothing"}
    assert found.count("accepted") > 40
    first, *events, last = (json.loads(sent.value) for sent in collector.sent)
    accepted = {event["seq"] for event in (first, *events, last)}
    assert accepted == set(range(1, found.count("accepted") + 3))
    whole = [(event["quantity"], event["metadata"], event["vendor"]) for event in events]
    assert whole == [(7, '{"a":1}', "acme")] * len(events)
    assert stats.failed == 0


def test_an_invalid_event_is_reported_or_nothing_happened() -> None:
    errors = DeepErrors()
    with fixed_client(producer=CollectingProducer(), on_error=errors) as client:
        found = outcomes(lambda: client.record("", "api", "api_call"), errors)
        assert client.stats().rejected == {"workspace_id.invalid": found.count("rejected")}
    assert set(found) == {"rejected", "nothing"}
    assert found.count("rejected") > 40


@pytest.mark.parametrize("spool", ["off", "spill", "durable"])
def test_numbers_have_no_gaps_whatever_the_transport(spool: Any, tmp_path: Path) -> None:
    errors = DeepErrors()
    client = EkaClient(
        "deep",
        NO_BROKER,
        {"log_level": 0},
        errors,
        spool=spool,
        spool_dir=str(tmp_path),
        max_queue_events=20,
    )
    client.record("ws", "api", "api_call")
    found = outcomes(lambda: client.record("ws", "api", "api_call"), errors)
    accepted = client.stats().accepted
    assert accepted == 1 + found.count("accepted")
    assert found.count("nothing") < 20
    client.shutdown(0)
    stats = client.stats()
    assert stats.accepted == stats.failed + stats.spooled + stats.delivered == accepted


def test_an_argument_that_recurses_without_end_is_handled_as_any_other() -> None:
    class Endless:
        def __str__(self) -> str:
            return str(self)

    collector, errors = CollectingProducer(), ReportedErrors()
    with fixed_client(producer=collector, on_error=errors) as client:
        found = outcomes(
            lambda: client.record("ws", "api", "api_call", metadata={"a": Endless()}), DeepErrors()
        )
    assert set(found) <= {"accepted", "nothing"}
    assert errors.codes == ["metadata.degraded"] * found.count("accepted")

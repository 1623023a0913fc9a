"""The ids of the active OpenTelemetry span in the metadata of events."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from eka_usage import EkaClient, Usage, metrics
from eka_usage._generated.limits import METADATA_MAX_BYTES
from eka_usage._generated.metrics import METRICS
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, use_span

from sdks.python.tests.support import VALID, CollectingProducer, ReportedErrors

MINUTE = metrics.ekascribe.transcription_minute
IDS = {"trace_id": "00000000000000000000000000000abc", "span_id": "0000000000000def"}
SPAN = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False))
# The metadata of an event with nothing but the ids of a span, without its braces.
LENGTH = len(json.dumps(IDS, separators=(",", ":"))) - 2
Make = Callable[..., EkaClient]


@pytest.fixture
def producer() -> CollectingProducer:
    """A producer that collects the bytes."""
    return CollectingProducer()


@pytest.fixture
def make(producer: CollectingProducer, errors: ReportedErrors) -> Iterator[Make]:
    """Makes clients of that producer."""
    with ExitStack() as made:

        def new(**given: Any) -> EkaClient:
            given = {"trace_metadata": True, **given}
            return made.enter_context(EkaClient("own", producer=producer, on_error=errors, **given))

        yield new


def metadata(producer: CollectingProducer) -> list[Any]:
    """Returns the metadata of each event that was sent."""
    return [json.loads(json.loads(message.value)["metadata"]) for message in producer.sent]


def test_every_call_has_the_ids_of_the_active_span(
    make: Make, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    client = make()
    with use_span(SPAN):
        client.record(**VALID)
        client.record(**VALID, metadata={"a": 1})
        client.record_metric("ws", MINUTE, metadata={"a": 1})
        client.log("ws", "api", "api_call", "m")
        client.record_many([Usage(**VALID), Usage(**VALID, service_name="other")])
        client.record_amounts("ws", [(metrics.api.api_call, 1)], event_id="e")
        client.session_start("ws", MINUTE, "s")
        client.bind("ws", metadata={"a": 1}).session_end(None, MINUTE, "s")
        client.void("ws", MINUTE, "e", "a mistake")
        with client.session("ws", MINUTE):
            pass
    found = metadata(producer)
    assert len(found) == 11
    assert all(IDS.items() <= one.items() for one in found)
    assert [one.get("a") for one in found[:3]] == [None, 1, 1]
    assert errors.codes == []


@pytest.mark.parametrize("given", [{"trace_id": "mine"}, {"span_id": None}])
def test_a_caller_that_gives_an_id_keeps_it_and_gets_no_other(
    make: Make, producer: CollectingProducer, given: dict[str, Any]
) -> None:
    with use_span(SPAN):
        make().record(**VALID, metadata=given)
        make().bind(metadata=given).record(**VALID)
    assert metadata(producer) == [given, given]


def test_no_ids_unless_they_are_asked_for_and_a_span_is_active(
    make: Make, producer: CollectingProducer
) -> None:
    make().record(**VALID)
    with use_span(INVALID_SPAN):
        make().record(**VALID)
    with use_span(SPAN):
        make(trace_metadata=False).record(**VALID)
    assert metadata(producer) == [{}, {}, {}]


def test_a_span_that_cannot_be_read_leaves_the_event_as_it_is(
    make: Make, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    class Broken(NonRecordingSpan):
        def get_span_context(self) -> SpanContext:
            raise RuntimeError

    with use_span(Broken(SpanContext(1, 1, is_remote=False))):
        make().record(**VALID, metadata={"a": 1})
    assert metadata(producer) == [{"a": 1}]
    assert errors.codes == []


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("filtered", [True, False])
def test_ids_are_left_out_where_they_would_cut_the_callers_metadata(
    make: Make, producer: CollectingProducer, errors: ReportedErrors, fits: bool, filtered: bool
) -> None:
    own = {"k": "x" * (METADATA_MAX_BYTES - len('{"k":"",}') - LENGTH + (0 if fits else 1))}
    with use_span(SPAN):
        make(before_send=dict if filtered else None).record(**VALID, metadata=own)
    assert metadata(producer) == [own | IDS if fits else own]
    assert errors.codes == []


def test_what_is_too_large_anyway_is_cut_as_without_a_span(
    make: Make, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    many = {str(at): at for at in range(METADATA_MAX_BYTES)}
    with use_span(SPAN):
        make().record(**VALID, metadata=many)
    make().record(**VALID, metadata=many)
    first, second = metadata(producer)
    assert first == second == {"_truncated": True}
    assert errors.codes == ["metadata.degraded"] * 2


def test_what_is_no_metadata_is_rejected_with_and_without_a_span(
    make: Make, errors: ReportedErrors
) -> None:
    wrong: dict[str, Any] = {**VALID, "metadata": [1]}
    with use_span(SPAN):
        assert make()._record(**wrong) is None
    assert errors.codes == ["metadata.invalid"]


def test_a_filter_sees_the_ids_and_may_drop_them(make: Make, producer: CollectingProducer) -> None:
    def drop(given: dict[str, Any]) -> dict[str, Any]:
        assert given.pop("span_id") == IDS["span_id"]
        return given

    with use_span(SPAN):
        make(before_send=drop).record(**VALID)
    assert metadata(producer) == [{"trace_id": IDS["trace_id"]}]


def test_ids_that_the_catalog_lists_as_pii_are_dropped(
    make: Make, producer: CollectingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = VALID["product"], VALID["metric_type"]
    monkeypatch.setitem(METRICS, names, METRICS[names]._replace(pii=(("trace_id", "drop"),)))
    with use_span(SPAN):
        make().record(**VALID)
    assert metadata(producer) == [{"span_id": IDS["span_id"]}]


def test_without_the_api_of_opentelemetry_there_are_no_ids(
    make: Make, producer: CollectingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return imported(name, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "__import__", absent)
        client = make()
    with use_span(SPAN):
        client.record(**VALID)
    assert metadata(producer) == [{}]

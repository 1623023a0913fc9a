"""What a call sets in place of the client, and the filter of metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import pytest
from eka_usage import EkaClient, Usage, metrics
from eka_usage._generated.metrics import METRICS
from eka_usage._metric import MetadataKey

from sdks.python.tests.support import VALID, CollectingProducer, ReportedErrors

MINUTE = metrics.ekascribe.transcription_minute
Make = Callable[..., EkaClient]


class Name(str):
    """A text of a type of its own."""

    __slots__ = ()


@pytest.fixture
def producer() -> CollectingProducer:
    """A producer that collects the bytes."""
    return CollectingProducer()


@pytest.fixture
def make(producer: CollectingProducer, errors: ReportedErrors) -> Iterator[Make]:
    """Makes clients of that producer."""
    with ExitStack() as made:

        def new(**given: Any) -> EkaClient:
            client = EkaClient("own", producer=producer, on_error=errors, **given)
            return made.enter_context(client)

        yield new


def values(producer: CollectingProducer, name: str) -> list[Any]:
    """Returns a field of each event that was sent."""
    return [json.loads(message.value)[name] for message in producer.sent]


def test_a_call_may_name_another_service_and_numbers_have_no_gap(
    make: Make, producer: CollectingProducer
) -> None:
    client = make()
    client.record(**VALID)
    client.record(**VALID, service_name="a", vendor="v")
    client.record_metric("ws", metrics.api.api_call, service_name="b")
    client.log("ws", "api", "api_call", "m", service_name="c")
    client.record_many([Usage(**VALID, service_name="d"), Usage(**VALID)])
    client.record_amounts("ws", [(metrics.api.api_call, 1)], event_id="e", service_name="f")
    client.session_start("ws", MINUTE, "s", service_name="g")
    client.session("ws", MINUTE, service_name="h").end()
    client.record(**VALID, service_name=None)
    assert values(producer, "service_name") == ["own", *"abcd", "own", *"fgh", "own"]
    assert values(producer, "seq") == list(range(1, 11))
    assert len({message.value.count(b"service_name") for message in producer.sent}) == 1


@pytest.mark.parametrize("name", ["", " ", "x" * 257, 5, ["a"]])
def test_a_service_of_an_invalid_name_rejects_the_event(
    name: Any, make: Make, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    client = make()
    assert client.record(**VALID, service_name=name) is None
    assert client.record_many([Usage(**VALID, service_name=name)]) is None
    assert errors.codes == ["config.invalid"] * 2
    assert producer.sent == []


def test_a_client_remembers_a_bounded_number_of_services(
    make: Make, producer: CollectingProducer
) -> None:
    client = make()
    for number in range(200):
        client.record(**VALID, service_name=f"service-{number}")
    assert len(client._instance.encoder._others) <= 64
    assert len(set(values(producer, "service_name"))) == 200
    assert values(producer, "seq") == list(range(1, 201))


def test_one_client_serves_more_services_than_it_remembers(
    make: Make, producer: CollectingProducer
) -> None:
    client = make()
    names = [f"service-{number % 100}" for number in range(200)]
    for name in names:
        client.record(**VALID, service_name=name)
    assert values(producer, "service_name") == names
    assert values(producer, "seq") == list(range(1, 201))
    assert len(client._current().encoder._others) <= 64


def test_a_filter_sees_the_metadata_of_every_call_and_decides_what_is_sent(
    make: Make, producer: CollectingProducer
) -> None:
    seen: list[dict[str, Any]] = []

    def keep(metadata: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(metadata))
        metadata.pop("name", None)
        return {**metadata, "kept": True}

    given = {"name": "Asha", "a": 1}
    client = make(before_send=keep)
    client.record(**VALID)
    client.record(**VALID, metadata=given)
    client.record_many([Usage(**VALID, metadata=given)])
    client.log("ws", "api", "api_call", "m", metadata=given)
    assert given == {"name": "Asha", "a": 1}
    assert seen[:3] == [{}, given, given]
    assert b"Asha" not in b"".join(message.value for message in producer.sent)
    found = [json.loads(text) for text in values(producer, "metadata")]
    assert found[:3] == [{"kept": True}, {"a": 1, "kept": True}, {"a": 1, "kept": True}]
    assert found[3]["message"] == "m"


@pytest.mark.parametrize("fails", [lambda _: 1 / 0, lambda _: None, lambda _: "Asha"])
def test_a_filter_that_fails_drops_all_metadata_and_leaks_nothing(
    fails: Any, make: Make, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    client = make(before_send=fails)
    assert client.record(**VALID, metadata={"name": "Asha"}) is not None
    assert values(producer, "metadata") == ['{"_before_send_failed":true}']
    assert errors.codes == ["metadata.degraded"]
    assert "Asha" not in str(errors[0])


def test_metadata_that_is_no_mapping_is_rejected_before_a_filter(
    make: Make, errors: ReportedErrors
) -> None:
    client = make(before_send=lambda metadata: metadata)
    wrong: dict[str, Any] = {**VALID, "metadata": ["Asha"]}
    assert client._record(**wrong) is None
    assert errors.codes == ["metadata.invalid"]


def test_values_about_persons_are_replaced_in_what_is_exempt_from_rules(
    make: Make, producer: CollectingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = MetadataKey("room", required=True, type=None, allowed=None)
    ruled = METRICS["ekascribe", "transcription_minute"]._replace(
        metadata=(room,), pii=(("name", "hash"), ("reason", "drop"))
    )
    monkeypatch.setitem(METRICS, ("ekascribe", "transcription_minute"), ruled)
    client = make()
    client.void("w", MINUTE, "e-1", "because")
    client.session_start("w", MINUTE, "s-1", metadata={"name": "x"})
    digest = sha256(b'"x"').hexdigest()
    assert values(producer, "metadata") == ["{}", f'{{"name":"sha256:{digest}"}}']


def test_what_metadata_cannot_hold_is_hashed_as_its_string_form(
    make: Make,
    producer: CollectingProducer,
    errors: ReportedErrors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ruled = METRICS["api", "api_call"]._replace(pii=(("name", "hash"), ("phone", "hash")))
    monkeypatch.setitem(METRICS, ("api", "api_call"), ruled)
    client = make()
    odd: Any = {Name("name"): float("inf"), "at": {"name": "kept"}}
    client.record("w", "api", "api_call", metadata=odd)
    digest = sha256(b'"Infinity"').hexdigest()
    [text] = values(producer, "metadata")
    assert json.loads(text) == {"name": f"sha256:{digest}", "at": {"name": "kept"}}
    assert errors.codes == ["metadata.degraded"]

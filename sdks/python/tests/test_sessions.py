"""Sessions and voids: what only the SDK records, exempt from the rules of the metric type."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from eka_usage import EkaClient, metrics
from eka_usage._generated.limits import OCCURRED_AT_AHEAD_MS
from eka_usage._session import units_in

from sdks.python.tests.support import NOW_NS, VALID, CollectingProducer, ReportedErrors

MINUTE = metrics.ekascribe.transcription_minute
CALL = metrics.api.api_call
SECOND = 1_000_000_000


class Time:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.wall = NOW_NS
        self.monotonic = 5 * SECOND

    def passes(self, seconds: float, *, wall: float | None = None) -> None:
        """Moves both clocks on, the wall clock by another time if it was set or asleep."""
        self.monotonic += int(seconds * SECOND)
        self.wall += int((seconds if wall is None else wall) * SECOND)


@pytest.fixture
def clocks() -> Time:
    """The clocks of the client."""
    return Time()


@pytest.fixture
def producer() -> CollectingProducer:
    """A producer that collects the bytes."""
    return CollectingProducer()


@pytest.fixture
def client(
    clocks: Time, producer: CollectingProducer, errors: ReportedErrors
) -> Iterator[EkaClient]:
    """A client of that producer and those clocks."""
    times: dict[str, Any] = {
        "clock": lambda: clocks.wall,
        "monotonic_clock": lambda: clocks.monotonic,
    }
    with EkaClient("s", producer=producer, on_error=errors, **times) as made:
        yield made


def events(producer: CollectingProducer) -> list[dict[str, Any]]:
    """Returns the events that were sent, with exact numbers."""
    return [json.loads(message.value, parse_float=Decimal) for message in producer.sent]


def test_a_session_is_one_event_at_its_start_with_the_time_that_passed(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    with client.session("ws", MINUTE, metadata={"room": 1}, vendor="v", event_id="e"):
        clocks.passes(90)
    [event] = events(producer)
    assert (event["event_id"], event["quantity"], event["status"]) == ("e", Decimal("1.5"), "ok")
    assert event["occurred_at"] == "2026-01-31T09:30:00.123Z"
    assert event["ts"] == "2026-01-31T09:31:30.123Z"
    assert (event["vendor"], event["metadata"]) == ("v", '{"room":1}')
    assert "session_id" not in event


def test_an_exception_inside_makes_it_an_error_and_is_not_caught(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    def fail() -> None:
        with client.session("ws", MINUTE):
            clocks.passes(6)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    [event] = events(producer)
    assert (event["status"], event["is_billable"]) == ("error", 0)
    assert event["quantity"] == Decimal("0.1")


def test_the_first_end_of_a_session_counts(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    with client.session("ws", MINUTE) as session:
        clocks.passes(60)
        assert session.end(status="error") is not None
        clocks.passes(60)
        assert session.end() is None
    assert [(event["quantity"], event["status"]) for event in events(producer)] == [(1, "error")]


def test_nested_sessions_are_apart(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    with client.session("ws-1", MINUTE):
        clocks.passes(60)
        with client.session("ws-2", MINUTE):
            clocks.passes(60)
        clocks.passes(60)
    assert [(event["workspace_id"], event["quantity"]) for event in events(producer)] == [
        ("ws-2", 1),
        ("ws-1", 3),
    ]


@pytest.mark.parametrize(
    ("monotonic", "wall", "expected"),
    [
        (60, 60, 1),
        (60, 3600, 1),  # the machine slept, or its clock was set forward
        (60, 30, Decimal("0.5")),
        (60, 0, 1),
        (60, -3600, 1),  # its clock was set back
        (0, 60, 0),
    ],
)
def test_a_session_is_never_longer_than_either_clock_says(
    monotonic: int,
    wall: int,
    expected: object,
    client: EkaClient,
    clocks: Time,
    producer: CollectingProducer,
) -> None:
    with client.session("ws", MINUTE):
        clocks.passes(monotonic, wall=wall)
    assert [event["quantity"] for event in events(producer)] == [expected]


def test_a_start_that_a_clock_set_back_leaves_in_the_future_is_still_accepted(
    client: EkaClient, clocks: Time, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    with client.session("ws", MINUTE):
        clocks.passes(60, wall=-OCCURRED_AT_AHEAD_MS)
    assert errors == []
    assert len(producer.sent) == 1


@pytest.mark.parametrize(
    ("nanoseconds", "unit", "expected"),
    [
        (1, 60 * SECOND, "1.7E-11"),
        (5, 10**13, "0E-12"),
        (15, 10**13, "2E-12"),
        (25, 10**13, "2E-12"),
        (26, 10**13, "3E-12"),
        (10**20, 60 * SECOND, "1666666666.666666666667"),
    ],
)
def test_a_time_is_rounded_half_to_even_to_twelve_decimals(
    nanoseconds: int, unit: int, expected: str
) -> None:
    assert units_in(nanoseconds, unit) == Decimal(expected)


def test_a_session_that_never_ends_is_reported_at_shutdown_and_records_nothing(
    client: EkaClient, clocks: Time, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    session = client.session("ws-7", MINUTE)
    clocks.passes(60)
    client.shutdown()
    client.shutdown()
    assert session.end() is None
    [context] = errors.contexts("session.unfinished")
    assert (context.get("workspace_id"), context.get("product")) == ("ws-7", "ekascribe")
    assert (errors.codes, producer.sent) == (["session.unfinished"], [])


def test_a_forked_child_ends_no_session_of_its_parent(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    with client.session("ws", MINUTE) as session:
        clocks.passes(60)
        reading, writing = os.pipe()
        child = os.fork()  # noqa: TID251
        if child == 0:
            os.write(
                writing, repr((session.end(), len(client._current().sessions._sessions))).encode()
            )
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"(None, 0)"
        os.close(reading)
        os.close(writing)
    assert len(producer.sent) == 1


@pytest.mark.parametrize("metric", [CALL, "transcription_minute", None])
def test_what_is_not_measured_in_time_has_no_session(
    metric: Any, client: EkaClient, producer: CollectingProducer, errors: ReportedErrors
) -> None:
    code = "session.invalid" if metric is CALL else "product.unknown"
    with client.session("ws", metric) as session:
        pass
    assert session.end() is None
    assert client.session_start("ws", metric, "s") is None
    assert errors.codes == [code, code]
    assert producer.sent == []


def test_the_boundaries_of_a_session_are_events_of_quantity_zero(
    client: EkaClient, clocks: Time, producer: CollectingProducer
) -> None:
    client.session_start("ws", MINUTE, "s-1", at="2026-01-31T09:00:00Z", metadata={"a": 1})
    client.session_beat("ws", MINUTE, "s-1", at=NOW_NS // 1_000_000 - 1, vendor="v", run_id="r")
    client.session_end("ws", MINUTE, "s-1", status="error", event_id="e")
    found = events(producer)
    names = ("session_id", "boundary", "quantity", "status", "occurred_at")
    assert [tuple(event[name] for name in names) for event in found] == [
        ("s-1", "start", 0, "ok", "2026-01-31T09:00:00.000Z"),
        ("s-1", "beat", 0, "ok", "2026-01-31T09:30:00.122Z"),
        ("s-1", "end", 0, "error", "2026-01-31T09:30:00.123Z"),
    ]
    assert [event["seq"] for event in found] == [1, 2, 3]
    assert list(found[1])[-4:] == ["vendor", "run_id", "session_id", "boundary"]
    assert found[2]["event_id"] == "e"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"session_id": ""}, "session_id.invalid"),
        ({"session_id": None}, "session_id.invalid"),
        ({"session_id": "x" * 129}, "session_id.invalid"),
        ({"at": "then"}, "occurred_at.invalid"),
        ({"at": True}, "occurred_at.invalid"),
        ({"status": "void"}, "status.unknown"),
        ({"workspace_id": ""}, "workspace_id.invalid"),
        ({"metadata": []}, "metadata.invalid"),
        ({"event_id": ""}, "event_id.invalid"),
    ],
)
def test_an_invalid_boundary_is_rejected(
    given: dict[str, Any],
    code: str,
    client: EkaClient,
    producer: CollectingProducer,
    errors: ReportedErrors,
) -> None:
    call: dict[str, Any] = {"workspace_id": "ws", "metric": MINUTE, "session_id": "s", **given}
    assert client.session_end(**call) is None
    assert errors.codes == [code]
    assert producer.sent == []


def test_a_void_is_an_event_that_names_the_one_it_takes_back(
    client: EkaClient, producer: CollectingProducer
) -> None:
    own_id = client.void("ws", CALL, "e-1", "recorded twice")
    [event] = events(producer)
    assert event["event_id"] == own_id != "e-1"
    assert (event["voids"], event["status"], event["quantity"]) == ("e-1", "void", 0)
    assert (event["is_billable"], event["metadata"]) == (0, '{"reason":"recorded twice"}')


def test_a_void_keeps_4096_characters_of_its_reason(
    client: EkaClient, producer: CollectingProducer
) -> None:
    client.void("ws", CALL, "e-1", "é" * 5000)
    assert json.loads(events(producer)[0]["metadata"]) == {"reason": "é" * 4096}


def test_no_rule_of_its_metric_type_keeps_an_event_from_being_voided(
    client: EkaClient, errors: ReportedErrors
) -> None:
    for product in vars(metrics).values():
        for metric in vars(product).values() if isinstance(product, type) else ():
            if isinstance(metric, type(CALL)):
                assert client.void("ws", metric, "e", "test") is not None
    assert errors == []


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"reason": ""}, "metadata.required", "reason"),
        ({"reason": " \n"}, "metadata.required", "reason"),
        ({"reason": None}, "metadata.required", "reason"),
        ({"reason": 5}, "metadata.required", "reason"),
        ({"event_id": ""}, "voids.invalid", "voids"),
        ({"event_id": None}, "voids.invalid", "voids"),
        ({"event_id": "x" * 129}, "voids.invalid", "voids"),
        ({"workspace_id": None}, "workspace_id.invalid", "workspace_id"),
        ({"metric": "api_call"}, "product.unknown", "product"),
    ],
)
def test_an_invalid_void_is_rejected(
    given: dict[str, Any],
    code: str,
    field: str,
    client: EkaClient,
    producer: CollectingProducer,
    errors: ReportedErrors,
) -> None:
    call = {"workspace_id": "ws", "metric": CALL, "event_id": "e", "reason": "r", **given}
    assert client.void(**call) is None
    [(error, context)] = errors
    assert (error.code, error.field, context["field"]) == (code, field, field)
    assert producer.sent == []


def test_only_void_and_the_sessions_set_what_is_theirs(
    client: EkaClient, errors: ReportedErrors
) -> None:
    assert client._record("ws", "api", "api_call", status="void") is None
    assert "void()" in str(errors[0][0])
    given: Any
    for given in ({"voids": "e"}, {"session_id": "s"}, {"boundary": "start"}):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            client._record(**VALID, **given)


def test_a_negative_quantity_is_told_to_be_a_void(
    client: EkaClient, errors: ReportedErrors
) -> None:
    client.record("ws", "api", "api_call", -1)
    client.record("ws", "api", "api_call", 10**19)
    assert [str(error).endswith("; void() takes an event back") for error, _ in errors] == [
        True,
        False,
    ]

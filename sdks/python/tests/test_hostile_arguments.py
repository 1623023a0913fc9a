"""`record()` never raises, whatever its arguments are and whatever its callbacks do."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import pytest
from eka_usage import EkaClient, EkaError, ErrorContext, Usage, metrics

from sdks.python.tests.support import (
    VALID,
    CollectingProducer,
    ReportedErrors,
    fixed_client,
    outcome_of,
    record_event,
)

FIELDS = {
    "workspace_id": "workspace_id.invalid",
    "product": "product.unknown",
    "metric_type": "metric_type.unknown",
    "status": "status.unknown",
    "quantity": "quantity.invalid",
    "unit_cost": "unit_cost.invalid",
    "metadata": "metadata.invalid",
    "event_id": "event_id.invalid",
    "occurred_at": "occurred_at.invalid",
}


class UnprintableError(Exception):
    """An exception whose `str()` and `repr()` raise."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def raise_unprintable(*_: object, **__: object) -> Any:
    raise UnprintableError


HOSTILE_METHODS = [
    "__bool__",
    "__contains__",
    "__eq__",
    "__float__",
    "__format__",
    "__ge__",
    "__getitem__",
    "__gt__",
    "__hash__",
    "__index__",
    "__int__",
    "__iter__",
    "__le__",
    "__len__",
    "__lt__",
    "__mod__",
    "__ne__",
    "__repr__",
    "__str__",
    "__getattribute__",
]


def hostile(base: type, *start: Any) -> Any:
    """Returns an instance of a subclass whose methods all raise."""
    return type("Hostile", (base,), dict.fromkeys(HOSTILE_METHODS, raise_unprintable))(*start)


def classless() -> Any:
    """Returns an object whose `__class__` raises."""
    return type("Classless", (), {"__class__": property(raise_unprintable)})()


HOSTILE: dict[str, Callable[[], Any]] = {
    "object": lambda: hostile(object),
    "str": lambda: hostile(str, "api"),
    "int": lambda: hostile(int, 5),
    "float": lambda: hostile(float, 0.5),
    "dict": lambda: hostile(dict, {"a": 1}),
    "list": lambda: hostile(list, [1]),
    "tuple": lambda: hostile(tuple, (1,)),
    "bytes": lambda: hostile(bytes, b"a"),
    "Decimal": lambda: hostile(Decimal, "0.5"),
    "datetime": lambda: hostile(datetime, 2026, 1, 31),
    "classless": classless,
    "mock": lambda: MagicMock(spec=str),
    "mapping mock": lambda: MagicMock(spec=dict),
    "class": lambda: hostile,
    "unhashable": list,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_argument_is_accepted_or_rejected_with_its_fields_code(
    field: str, kind: str
) -> None:
    outcome = record_event(**{field: HOSTILE[kind]()})
    if outcome.event_id is None:
        assert (outcome.error.code, outcome.error.field) == (FIELDS[field], field)
        assert outcome.sent is None
    else:
        assert outcome.sent is not None
        assert set(outcome.errors.codes) <= {"metadata.degraded"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_argument_of_log_or_record_metric_affects_only_that_call(kind: str) -> None:
    calls: list[Callable[[EkaClient], str | None]] = [
        lambda client: client.log("ws", "api", "api_error", HOSTILE[kind]()),
        lambda client: client.log("ws", "api", "api_error", "m", HOSTILE[kind]()),
        lambda client: client.log("ws", "api", "api_error", "m", "error", HOSTILE[kind]()),
        lambda client: client.record_metric("ws", HOSTILE[kind]()),
        lambda client: client.record_metric(HOSTILE[kind](), metrics.api.api_call),
    ]
    for call in calls:
        outcome = outcome_of(call)
        assert (outcome.event_id is None) == (outcome.sent is None)
        assert len(outcome.errors) <= 1
        assert set(outcome.errors.codes) <= {*FIELDS.values(), "metadata.degraded"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_argument_of_any_other_call_raises_nothing(kind: str) -> None:
    metric, timed = metrics.api.api_call, metrics.ekascribe.transcription_minute
    calls: list[Callable[[EkaClient], object]] = [
        lambda client: client.session("ws", timed).end(HOSTILE[kind]()),
        lambda client: client.session(HOSTILE[kind](), timed, status=HOSTILE[kind]()).end(),
        lambda client: client.record_many(HOSTILE[kind]()),
        lambda client: client.record_many([HOSTILE[kind]()]),
        lambda client: client.record_many([Usage("ws", "api", HOSTILE[kind]())]),
        lambda client: client.record_amounts("ws", HOSTILE[kind](), event_id="e"),
        lambda client: client.record_amounts("ws", [HOSTILE[kind]()], event_id="e"),
        lambda client: client.record_amounts("ws", [(metric, 1)], event_id=HOSTILE[kind]()),
        lambda client: client.void(HOSTILE[kind](), metric, "e", "reason"),
        lambda client: client.void("ws", HOSTILE[kind](), "e", "reason"),
        lambda client: client.void("ws", metric, HOSTILE[kind](), "reason"),
        lambda client: client.void("ws", HOSTILE[kind](), "e", HOSTILE[kind]()),
        lambda client: client.session_start("ws", HOSTILE[kind](), session_id="s"),
        lambda client: client.session_beat("ws", HOSTILE[kind](), session_id=HOSTILE[kind]()),
        lambda client: client.session_end("ws", HOSTILE[kind](), session_id="s"),
    ]
    for call in calls:
        collector, errors = CollectingProducer(), ReportedErrors()
        with fixed_client(producer=collector, on_error=errors) as client:
            accepted = call(client)
        assert len(collector.sent) == (0 if accepted in (None, []) else 1)
        assert len(errors.codes) <= 1


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_value_in_metadata_degrades_only_the_metadata(kind: str) -> None:
    outcome = record_event(metadata={"a": [{"b": HOSTILE[kind]()}]})
    assert outcome.sent is not None
    assert set(outcome.errors.codes) <= {"metadata.degraded"}


class InvalidTimezone(tzinfo):
    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def utcoffset(self, _: datetime | None) -> timedelta:
        offset = self.answer()
        assert isinstance(offset, timedelta)
        return offset

    dst = utcoffset

    def tzname(self, _: datetime | None) -> str:
        return "invalid"


@pytest.mark.parametrize(
    "answer", [raise_unprintable, lambda: None, lambda: 5, lambda: timedelta(days=2)], ids=range(4)
)
def test_a_time_whose_timezone_misbehaves_is_rejected(answer: Callable[[], Any]) -> None:
    when = datetime(2026, 1, 31, 9, 30, tzinfo=InvalidTimezone(answer))
    assert record_event(occurred_at=when).error.code == "occurred_at.invalid"


class Failing:
    """A callback that counts its calls and raises."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, *_: object) -> Any:
        self.calls += 1
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError, UnprintableError, RecursionError, StopIteration])
def test_an_exception_from_on_error_is_logged_and_not_raised(
    error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    on_error = Failing(error)
    with fixed_client(producer=CollectingProducer(), on_error=on_error) as client:
        for _ in range(3):
            assert client._record("", "api", "api_call") is None
        assert client.record(**VALID) is not None
    assert on_error.calls == 3
    first, suppressed = caplog.messages
    assert first.startswith(f"on_error raised {error.__name__}")
    assert "invalid workspace_id ''" in first
    assert suppressed == "2 more errors like the last on_error were suppressed"


def test_an_on_error_that_makes_the_same_mistake_does_not_recurse() -> None:
    errors = ReportedErrors()

    def on_error(error: EkaError, context: ErrorContext) -> None:
        errors(error, context)
        assert client._record("", "api", "api_call") is None
        assert client.record("ws", "api", "api_error") is not None

    collector = CollectingProducer()
    client = fixed_client(producer=collector, on_error=on_error)
    with client:
        client._record("", "api", "api_call")
    assert errors.codes == ["workspace_id.invalid"]
    assert len(collector.sent) == 1
    assert client.stats().rejected == {"workspace_id.invalid": 2}


def test_on_error_may_shut_the_client_down() -> None:
    collector = CollectingProducer()

    def on_error(*_: object) -> None:
        client.shutdown()

    client = fixed_client(producer=collector, on_error=on_error)
    assert client._record("", "api", "api_call") is None
    assert client.record(**VALID) is None
    assert client.stats().rejected == {"workspace_id.invalid": 1, "client.closed": 1}


@pytest.fixture
def _broken_logging() -> Iterator[None]:
    """Makes the host's logging raise."""
    logger = logging.getLogger("eka_usage")
    logger.addFilter(raise_unprintable)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(level)
    logger.removeFilter(raise_unprintable)


@pytest.mark.usefixtures("_broken_logging")
@pytest.mark.parametrize("on_error", [None, Failing(RuntimeError)], ids=["logs", "raises"])
def test_a_logger_that_raises_does_not_affect_record(on_error: Any) -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector, on_error=on_error, debug=True) as client:
        assert client._record("", "api", "api_call") is None
        assert client.record(**VALID, metadata={"lost": {1}}) is not None
    assert len(collector.sent) == 1


@pytest.mark.parametrize("callback", ["clock", "new_id", "monotonic_clock"])
@pytest.mark.parametrize("error", [RuntimeError, UnprintableError, RecursionError, MemoryError])
def test_a_clock_or_new_id_that_raises_is_replaced_by_the_sdks_own(
    callback: str, error: type[Exception], errors: ReportedErrors, caplog: pytest.LogCaptureFixture
) -> None:
    collector = CollectingProducer()
    arguments: dict[str, Any] = {"clock": None, "new_id": None, callback: Failing(error)}
    with fixed_client(producer=collector, on_error=errors, **arguments) as client:
        assert client.record(**VALID) is not None
        assert client.session("ws-1", metrics.ekascribe.transcription_minute).end() is not None
        assert client.stats().accepted == 2
    assert errors.codes == []
    [line] = [record.message for record in caplog.records if "the SDK's own" in record.message]
    assert callback.removesuffix("_clock") in line
    assert f"raised {error.__name__}" in line


@pytest.mark.parametrize("answer", [None, 1.5, "now", 10**30, -(10**30), True])
def test_a_clock_that_returns_no_time_of_an_event_is_replaced(answer: Any) -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector, clock=lambda: answer) as client:
        assert client.record(**VALID) is not None
    assert len(collector.sent) == 1


def test_an_invalid_id_from_new_id_rejects_the_event(errors: ReportedErrors) -> None:
    ids = iter(["instance", "", 5.5, "x" * 129, "\ud800", "good"])
    with fixed_client(
        producer=CollectingProducer(), on_error=errors, new_id=partial(next, ids)
    ) as client:
        assert [client.record(**VALID) for _ in range(5)] == [None] * 4 + ["good"]
    assert errors.codes == ["event_id.invalid"] * 4


def random_value(source: random.Random, depth: int = 0) -> Any:
    """Returns a random value that a caller might pass by mistake."""
    leaves: list[Callable[[], Any]] = [
        lambda: None,
        lambda: source.choice([True, False]),
        lambda: source.choice(
            ["", " ", "api", "api_call", "ok", "error", "ws-1", "\ud800", "é" * 99]
        ),
        lambda: source.choice([0, 1, -1, 2**53 + 1, 10**18, 10**18 + 1, -(10**400)]),
        lambda: source.choice([0.0, -0.0, 1e-320, 1e17, float("nan"), float("inf")]),
        lambda: source.choice([Decimal("0.1"), Decimal("sNaN"), Decimal("1E+999")]),
        lambda: source.choice(["2026-01-31T09:30:00Z", "2026-02-30T00:00:00Z", "now"]),
        lambda: source.randbytes(3),
        *HOSTILE.values(),
    ]
    branches: list[Callable[[], Any]] = [
        lambda: [random_value(source, depth + 1) for _ in range(source.randrange(4))],
        lambda: {str(n): random_value(source, depth + 1) for n in range(source.randrange(4))},
        lambda: (random_value(source, depth + 1), {source.randrange(9)}),
    ]
    return source.choice(leaves if depth > 3 else leaves + branches)()


@pytest.mark.parametrize("seed", range(5))
def test_any_mix_of_arguments_is_accepted_or_rejected_with_one_known_code(seed: int) -> None:
    source = random.Random(seed)
    collector, errors = CollectingProducer(), ReportedErrors()
    with fixed_client(producer=collector, on_error=errors) as client:
        for _ in range(500):
            sent_before, errors_before = len(collector.sent), len(errors)
            given: Mapping[str, Any] = {
                **VALID,
                **{
                    field: random_value(source)
                    for field in FIELDS
                    if source.random() < source.choice([0.1, 0.5])
                },
            }
            event_id = client._record(**given)
            new = errors.codes[errors_before:]
            assert len(collector.sent) == sent_before + (event_id is not None)
            assert new in ([], ["metadata.degraded"]) if event_id is not None else len(new) == 1
            assert set(new) <= {*FIELDS.values(), "metadata.degraded"}
        stats = client.stats()
    assert stats.accepted == stats.delivered == len(collector.sent) > 10
    assert sum(stats.rejected.values()) > 100

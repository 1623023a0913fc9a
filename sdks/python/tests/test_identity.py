"""Names and ids mean their characters, whatever the class that holds them says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pydantic
import pytest
from eka_usage import METRIC_TYPES, PRODUCTS, find_metric, is_metric_type, is_product

from sdks.python.tests.support import (
    VALID,
    CollectingProducer,
    ReportedErrors,
    fixed_client,
    record_event,
)


class CaseInsensitive(str):
    """A string that equals another in any case, as HTTP header names do."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self).lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(str(self).lower())


class EqualToAll(str):
    """A string that equals whatever has the hash of another one."""

    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("ws-1")

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        raise LookupError


@pytest.mark.parametrize("first", ["ws-1", CaseInsensitive("ws-1")], ids=["str", "subclass"])
@pytest.mark.parametrize("kind", [CaseInsensitive, EqualToAll])
def test_a_workspace_is_billed_by_its_characters(kind: type[str], first: str) -> None:
    collector, errors = CollectingProducer(), ReportedErrors()
    with fixed_client(producer=collector, on_error=errors) as client:
        for workspace_id in (first, kind("WS-1"), "ws-1"):
            client._record(workspace_id, "api", "api_call", event_id=kind("A"))
    events = [json.loads(sent.value) for sent in collector.sent]
    assert errors == []
    assert [event["workspace_id"] for event in events] == ["ws-1", "WS-1", "ws-1"]
    assert [sent.key for sent in collector.sent] == [b"ws-1", b"WS-1", b"ws-1"]
    assert [event["event_id"] for event in events] == ["A"] * 3


@pytest.mark.parametrize("kind", [CaseInsensitive, EqualToAll])
@pytest.mark.parametrize("field", ["product", "metric_type", "status"])
def test_a_name_is_looked_up_by_its_characters(field: str, kind: type[str]) -> None:
    valid: dict[str, Any] = {**VALID, "status": "ok"}
    collector, errors = CollectingProducer(), ReportedErrors()
    with fixed_client(producer=collector, on_error=errors) as client:
        client._record(**valid)
        for name in (valid[field].upper(), valid[field]):
            arguments: dict[str, Any] = {**valid, field: kind(name)}
            client._record(**arguments)
    assert len(collector.sent) == 2
    assert errors.codes == [f"{field}.unknown"]


@pytest.mark.parametrize("kind", [CaseInsensitive, EqualToAll])
def test_a_look_up_compares_characters(kind: type[str]) -> None:
    assert is_product(kind("api"))
    assert is_metric_type(kind("api_call"), "api")
    assert not is_product(kind("API"))
    assert not is_metric_type(kind("API_CALL"), "api")
    assert find_metric(kind("api"), kind("api_call")) is find_metric("api", "api_call")
    assert find_metric(kind("API"), "api_call") is None


def test_equal_names_of_other_calls_do_not_stand_in_for_each_other() -> None:
    collector = CollectingProducer()
    calls = [
        (product, metric_type, status)
        for product in PRODUCTS
        for metric_type in METRIC_TYPES[product]
        for status in ("ok", "error")
    ]
    parsed = [tuple(json.loads(json.dumps(call))) for call in calls]  # equal, but other objects
    with fixed_client(producer=collector) as client:
        for product, metric_type, status in [*parsed, *calls, *reversed(calls), *parsed]:
            client._record("ws", product, metric_type, status=status)
    names = ("product", "metric_type", "status")
    sent = [tuple(json.loads(sent.value)[name] for name in names) for sent in collector.sent]
    assert sent == [*calls, *calls, *reversed(calls), *calls]


class DatabaseId(UUID):
    """A UUID of a database driver."""


class Number(int):
    """An integer that prints as something else."""

    def __str__(self) -> str:
        return "another"

    __repr__ = __format__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (DatabaseId(int=7), "00000000-0000-0000-0000-000000000007"),
        (Number(7), "7"),
        (2**64, "18446744073709551616"),
    ],
)
def test_an_id_of_another_type_is_sent_and_returned_as_its_text(value: Any, text: str) -> None:
    outcome = record_event(workspace_id=value, event_id=value)
    assert outcome.errors == []
    assert outcome.sent is not None
    assert outcome.sent.key == text.encode()
    assert outcome.event["workspace_id"] == outcome.event["event_id"] == text
    assert outcome.event_id == text


@pytest.mark.parametrize("value", [True, False, 7.0, b"7", 10**5000], ids=range(5))
@pytest.mark.parametrize("field", ["workspace_id", "event_id"])
def test_what_has_no_obvious_text_is_not_an_id(field: str, value: object) -> None:
    assert record_event(**{field: value}).error.code == f"{field}.invalid"


@dataclass
class Page:
    number: int
    parent: object = None


class Report(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)
    title: str
    first: Page | None = None
    secret: pydantic.SecretStr | None = None
    internal: str = pydantic.Field(default="x", exclude=True)


def test_models_are_their_fields_without_excluded_ones() -> None:
    outcome = record_event(metadata=Report(title="t", first=Page(1), more=[2]))  # type: ignore[call-arg]
    first = {"number": 1, "parent": None}
    assert outcome.metadata == {"title": "t", "first": first, "secret": None, "more": [2]}
    assert outcome.errors == []


def test_a_secret_in_a_model_stays_secret() -> None:
    outcome = record_event(metadata=Report(title="t", secret=pydantic.SecretStr("hunter2")))
    assert outcome.sent is not None
    assert b"hunter2" not in outcome.sent.value
    assert outcome.errors.codes == ["metadata.degraded"]


def test_a_dataclass_that_contains_itself_is_cut_there() -> None:
    page = Page(1)
    page.parent = page
    outcome = record_event(metadata={"page": page})
    assert outcome.metadata == {"page": {"number": 1, "parent": "[too deep]"}}
    assert outcome.errors.codes == ["metadata.degraded"]


@pytest.mark.parametrize("value", [Page, Report, [Page(1)], Page(1).number])
def test_a_class_or_a_list_of_models_is_not_metadata(value: object) -> None:
    assert record_event(metadata=value).error.code == "metadata.invalid"

"""The bytes of an event on the wire."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
import yaml
from eka_usage import CATALOG_VERSION, PRODUCTS, SDK_VERSION, STATUSES, UsageEvent, metrics
from eka_usage._generated.fields import CLIENT_FIELDS, FIELDS
from eka_usage._generated.metrics import METRICS

from sdks.python.tests.support import (
    NOW,
    REPOSITORY,
    VALID,
    CollectingProducer,
    fixed_client,
    outcome_of,
    record_event,
)

CONSTANTS = (
    f'"sdk_language":"python","sdk_version":"{SDK_VERSION}","hostname":"host-1",'
    f'"catalog_version":"{CATALOG_VERSION}","instance_id":"id-0","seq":1}}'
)


def test_an_event_with_default_arguments_has_exactly_these_bytes() -> None:
    outcome = record_event()
    assert outcome.errors == []
    assert outcome.event_id == "id-1"
    assert outcome.sent == (
        b"ws-1",
        (
            '{"event_id":"id-1","workspace_id":"ws-1","service_name":"checkout","product":"api",'
            '"metric_type":"api_call","status":"ok","quantity":1,"unit_cost":null,"is_billable":1,'
            '"metadata":"{}","occurred_at":"2026-01-31T09:30:00.123Z",'
            '"ts":"2026-01-31T09:30:00.123Z",' + CONSTANTS
        ).encode(),
    )


def test_an_event_with_every_argument_has_exactly_these_bytes() -> None:
    outcome = record_event(
        workspace_id="wś 2",
        product="agent",
        metric_type="input_token",
        quantity=1830.5,
        status="error",
        unit_cost=Decimal("0.000002"),
        metadata={"model": 'm"3', "depth": [1, {"a": None}], "ok": True},
        event_id="invoice-7/line-3",
        occurred_at=datetime(2026, 1, 31, 9, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    )
    assert outcome.errors == []
    assert outcome.event_id == "invoice-7/line-3"
    assert outcome.sent == (
        "wś 2".encode(),
        (
            '{"event_id":"invoice-7/line-3","workspace_id":"wś 2","service_name":"checkout",'
            '"product":"agent","metric_type":"input_token","status":"error","quantity":1830.5,'
            '"unit_cost":0.000002,"is_billable":0,"metadata":"{\\"model\\":\\"m\\\\\\"3\\",'
            '\\"depth\\":[1,{\\"a\\":null}],\\"ok\\":true}",'
            '"occurred_at":"2026-01-31T03:30:00.000Z","ts":"2026-01-31T09:30:00.123Z",' + CONSTANTS
        ).encode(),
    )


def test_fields_are_in_the_order_of_the_schema() -> None:
    schema = yaml.safe_load((REPOSITORY / "schema/event.yaml").read_text(encoding="utf-8"))
    optional = [field.name for field in (*CLIENT_FIELDS, *FIELDS)]
    assert [*record_event().event, *optional] == list(schema["fields"])


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("names", METRICS, ids=".".join)
def test_every_combination_of_the_catalog_is_accepted(names: tuple[str, str], status: str) -> None:
    catalog = yaml.safe_load((REPOSITORY / "schema/catalog.yaml").read_text(encoding="utf-8"))
    outcome = record_event(product=names[0], metric_type=names[1], status=status)
    event = outcome.event
    assert (event["product"], event["metric_type"], event["status"]) == (*names, status)
    assert event["is_billable"] == int(catalog["statuses"][status]["billable"])


def test_the_generated_names_are_those_of_the_catalog_in_its_order() -> None:
    catalog = yaml.safe_load((REPOSITORY / "schema/catalog.yaml").read_text(encoding="utf-8"))
    assert list(PRODUCTS) == list(catalog["products"])
    assert list(STATUSES) == list(catalog["statuses"])
    assert list(METRICS) == [
        (product, metric_type)
        for product, about in catalog["products"].items()
        for metric_type in about["metric_types"]
    ]


def test_record_metric_and_record_produce_the_same_event() -> None:
    given = {
        "quantity": 3,
        "unit_cost": 2,
        "metadata": {"a": 1},
        "event_id": "e",
        "status": "error",
    }
    by_metric = outcome_of(lambda client: client.record_metric("ws-1", metrics.comms.sms, **given))  # type: ignore[arg-type]
    by_names = record_event(product="comms", metric_type="sms", **given)
    assert by_metric.sent == by_names.sent


def test_log_records_a_failure_with_its_level_and_message() -> None:
    outcome = outcome_of(
        lambda client: client.log(
            "ws-1", "comms", "sms", "refused", "warning", {"carrier": "c", "message": "lost"}
        )
    )
    assert outcome.errors == []
    assert outcome.event["status"] == "error"
    assert outcome.event["is_billable"] == 0
    assert outcome.event["quantity"] == 1
    assert outcome.metadata == {"carrier": "c", "message": "refused", "level": "warning"}


def test_log_defaults_to_level_error() -> None:
    outcome = outcome_of(lambda client: client.log("ws-1", "comms", "sms", "refused"))
    assert outcome.event["metadata"] == '{"level":"error","message":"refused"}'


def test_the_generated_struct_decodes_every_field_exactly() -> None:
    outcome = record_event(quantity=Decimal("0.10"), unit_cost=2**59 - 1, metadata={"a": "b"})
    assert outcome.sent is not None
    event = msgspec.json.decode(outcome.sent.value, type=UsageEvent)
    assert event.quantity == Decimal("0.1")
    assert event.unit_cost == 2**59 - 1
    assert event.ts == event.occurred_at == NOW
    assert msgspec.json.decode(event.metadata) == {"a": "b"}
    optional = [field.name for field in (*CLIENT_FIELDS, *FIELDS)]
    assert list(UsageEvent.__struct_fields__) == [*outcome.event, *optional]


def test_ts_and_event_ids_follow_the_clock() -> None:
    now = [1_769_851_800_000_000_000]
    collector = CollectingProducer()
    with fixed_client(producer=collector, clock=lambda: now[0], new_id=None) as client:
        for step in (0, 999_999, 1_000_000, 59_999_000_000):
            now[0] = 1_769_851_800_000_000_000 + step
            assert client.record(**VALID) is not None
    events = [msgspec.json.decode(sent.value) for sent in collector.sent]
    assert [event["ts"][17:] for event in events] == ["00.000Z", "00.000Z", "00.001Z", "59.999Z"]
    assert [int(event["event_id"].replace("-", "")[:12], 16) for event in events] == [
        1_769_851_800_000 + step for step in (0, 0, 1, 59_999)
    ]


def test_a_field_that_is_not_given_is_absent() -> None:
    assert record_event(vendor=None).event == record_event().event
    assert record_event(vendor="v").event == {**record_event().event, "vendor": "v"}


def test_a_field_that_no_call_sets_is_a_type_error_that_suggests_another() -> None:
    with pytest.raises(TypeError, match=r"'vendr': did you mean 'vendor'\?"):
        record_event(vendr="v")


@pytest.mark.parametrize(("environment", "billable"), [("production", 1), ("staging", 0)])
def test_only_events_of_production_are_billed(environment: str, billable: int) -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector, environment=environment) as client:
        client.record(**VALID)
    [sent] = collector.sent
    event = msgspec.json.decode(sent.value)
    assert (event["environment"], event["is_billable"]) == (environment, billable)


def test_a_field_beyond_ten_thousand_values_is_still_checked() -> None:
    collector = CollectingProducer()
    with fixed_client(producer=collector) as client:
        for number in range(10_001):
            assert client.record(**VALID, run_id=f"run-{number}")
        assert client.record(**VALID, run_id=" ") is None
    assert msgspec.json.decode(collector.sent[-1].value)["run_id"] == "run-10000"
